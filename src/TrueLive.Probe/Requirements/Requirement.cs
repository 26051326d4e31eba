namespace TrueLive.Probe.Requirements;

/// <summary>What an application needs from a live AI video system.</summary>
/// <param name="Id">Short name.</param>
/// <param name="Title">Name for people.</param>
/// <param name="Evidence">Least evidence grade, E1 to E5.</param>
/// <param name="Rules">All rules.</param>
public sealed record Requirement(string Id, string Title, string Evidence, IReadOnlyList<RequirementRule> Rules)
{
    /// <summary>Sessions that a probe may open at the same time; null sets no limit.</summary>
    public int? Sessions { get; init; }
}

/// <summary>One rule on one metric.</summary>
/// <param name="Metric">Name as in a report, or "tier".</param>
/// <param name="Op">One of <see cref="RequirementYaml.Operators"/>.</param>
/// <param name="Value">Limit, for comparisons.</param>
/// <param name="Among">Allowed labels, for "in".</param>
/// <param name="Must">False for "should".</param>
/// <param name="Unit">Unit the limit is in; must be the metric's.</param>
/// <param name="Why">Reason for the limit.</param>
public sealed record RequirementRule(
    string Metric, string Op, double Value, IReadOnlyList<string> Among, bool Must, string? Unit, string? Why)
{
    /// <summary>Where the limit comes from: a source of docs/probe-requirements.md, or our own judgement.</summary>
    public string? Source { get; init; }

    /// <summary>The rule as written.</summary>
    public string Text => Op == "in"
        ? $"{Metric} in [{string.Join(", ", Among)}]"
        : string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"{(Op == "abs<=" ? $"|{Metric}| <=" : $"{Metric} {Op}")} {Value}{(Unit is null or "1" ? "" : " " + Unit)}");
}

/// <summary>A requirement file that cannot be used: where and why.</summary>
public sealed class RequirementException(string file, long line, string key, string message)
    : FormatException($"{file}:{line}: {key}: {message}")
{
    /// <summary>Line in the file, from 1.</summary>
    public long Line { get; } = line;

    /// <summary>The key at fault.</summary>
    public string Key { get; } = key;
}
