using System.CommandLine;
using System.Globalization;
using TrueLive.Probe;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Requirements;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Trials;

namespace TrueLive.Cli;

/// <summary>The flags that every live target of <c>truelive probe</c> takes.</summary>
/// <param name="again">For runs that are made again and again: a seed, a folder or claims of a single run make no sense there.</param>
internal sealed class ProbeOptions(bool again = false)
{
    private readonly Option<string> _profile = new("--profile")
    {
        Description = "glance (half a minute at most), quick (about 3 minutes), standard (14) or deep (40).",
        DefaultValueFactory = _ => again ? "glance" : "quick"
    };
    private readonly Option<string?> _seed = new("--seed") { Description = "Secret seed, 64 hexadecimal digits or any text [a new one]." };
    private readonly Option<string?> _out = new("--out") { Description = "Folder for the report [probe-DATE-TIME]." };
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on with the run that ended early in the folder of --out." };
    private readonly Option<bool> _safe = new("--safe")
    { Description = "Weak codes, no flashing object, no cuts: for runs that people watch." };
    private readonly Option<string> _size = new("--size")
    { Description = "Size of the picture that is sent.", DefaultValueFactory = _ => "640x360" };
    private readonly Option<string?> _promptA = new("--prompt-a")
    { Description = "First prompt; should look very different from the second." };
    private readonly Option<string?> _promptB = new("--prompt-b") { Description = "Second prompt." };
    private readonly Option<string[]> _claim = new("--claim")
    { Description = "What the vendor says, as METRIC=TEXT or METRIC=TEXT;SOURCE, printed beside what was measured." };
    private readonly Option<string[]> _require = new("--require")
    { Description = $"Requirement file or preset: {string.Join(", ", RequirementPresets.Names)}." };
    private readonly Option<string?> _trials = new("--trials")
    {
        Description = "What to try after the run, in sessions of its own: start, pair (two sessions at once), stress (other rates, lost " +
            "packets, cut uplink), soak (a long session); several with commas."
    };
    private readonly Option<string?> _coldAfter = new("--cold-after")
    { Description = "With start: after how long without a session a start is cold, as 90s or 10m [none is tried]." };
    private readonly Option<int> _starts = new("--starts")
    { Description = "With start: sessions of each kind, 5 to 100.", DefaultValueFactory = _ => 6 };
    private readonly Option<string> _soak = new("--soak")
    { Description = "With soak: how long, as 30m or 8h.", DefaultValueFactory = _ => "30m" };
    private readonly Option<int> _threads = new("--threads") { Description = "Threads of the analysis.", DefaultValueFactory = _ => 2 };

    public Option<string> Progress { get; } = new Option<string>("--progress")
    { Description = "auto, plain, json (one line per update on standard output) or off.", DefaultValueFactory = _ => "auto" }
        .AcceptOnlyFromAmong("auto", "plain", "json", "off");

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _profile, _seed, _out, _resume, _safe, _size, _promptA, _promptB, _claim, _require,
            _trials, _coldAfter, _starts, _soak, _threads, Progress }
            .Where(o => !again || (o != _seed && o != _out && o != _resume && o != _claim && o != Progress)))
            command.Options.Add(option);
    }

    /// <exception cref="FormatException">A flag cannot be used; the message says what is allowed.</exception>
    public ProbeSessionOptions Read(ParseResult parsed, TimeProvider time)
    {
        var name = parsed.GetValue(_profile)!;
        if (!ProbeProfile.ByName.TryGetValue(name, out var profile))
            throw new FormatException($"--profile {name} is not known; allowed: {string.Join(", ", ProbeProfile.ByName.Keys)}.");
        var resume = parsed.GetValue(_resume);
        if (resume && profile.Looks.Count > 0)
            throw new FormatException($"A {name} is too short to be gone on with; start it again without --resume.");
        var folder = parsed.GetValue(_out) ?? (resume
            ? throw new FormatException("--resume needs --out with the folder of the run that ended early.")
            : $"probe-{time.GetLocalNow():yyyyMMdd-HHmmss}");
        var size = parsed.GetValue(_size)!.Split('x');
        if (size.Length != 2 || !int.TryParse(size[0], out var width) || !int.TryParse(size[1], out var height) || width is < 160 or > 1920
            || height is < 90 or > 1080 || width % 2 + height % 2 > 0)
            throw new FormatException($"--size {parsed.GetValue(_size)} is not usable; write WIDTHxHEIGHT, even, 160x90 to 1920x1080.");
        var run = new ProbeRunOptions
        {
            Width = width,
            Height = height,
            Effort = new AnalysisEffort(profile.Redraws, Math.Clamp(parsed.GetValue(_threads), 1, 64)),
        };
        return new ProbeSessionOptions
        {
            Profile = parsed.GetValue(_safe) ? profile with { Name = profile.Name + "-safe", Amplitude = 0.27 } : profile,
            Seed = parsed.GetValue(_seed) is { Length: > 0 } seed ? ProbeSeed.From(seed) : ProbeSeed.Create(),
            Folder = folder,
            Resume = resume,
            Run = run with { PromptA = parsed.GetValue(_promptA) ?? run.PromptA, PromptB = parsed.GetValue(_promptB) ?? run.PromptB },
            Claims = [.. (parsed.GetValue(_claim) ?? []).Select(Claim)],
            Requirements = [.. (parsed.GetValue(_require) ?? []).Select(Requirement)],
            Trials = Trials(parsed),
        };
    }

    /// <summary>The trials that were asked for; the target adds how its sessions are opened.</summary>
    private TrialOptions? Trials(ParseResult parsed)
    {
        var named = parsed.GetValue(_trials);
        var kinds = named?.Split(',', StringSplitOptions.TrimEntries).Select(name => name switch
        {
            "start" => TrialKind.Start,
            "pair" => TrialKind.Pair,
            "stress" => TrialKind.Stress,
            "soak" => TrialKind.Soak,
            _ => throw new FormatException($"--trials {name} is not known; allowed: start, pair, stress, soak."),
        }).ToArray() ?? [];
        foreach (var (option, kind) in new (Option, TrialKind)[]
            { (_coldAfter, TrialKind.Start), (_starts, TrialKind.Start), (_soak, TrialKind.Soak) })
        {
            if (parsed.GetResult(option) is { Implicit: false } && !kinds.Contains(kind))
                throw new FormatException($"{option.Name} is for --trials {kind.ToString().ToLowerInvariant()}; add it, or leave " +
                    $"{option.Name} out.");
        }
        return named is null ? null : new TrialOptions
        {
            Kinds = kinds,
            Open = () => throw new InvalidOperationException("No target opens sessions for trials."),
            Starts = parsed.GetValue(_starts) is >= 5 and <= 100 and var starts ? starts
                : throw new FormatException("--starts must be 5 to 100: fewer give no interval."),
            ColdAfter = parsed.GetValue(_coldAfter) is { } pause ? Length(pause, "--cold-after", 1) : null,
            SoakFor = Length(parsed.GetValue(_soak)!, "--soak", 60),
        };
    }

    private static TimeSpan Length(string text, string flag, double least)
    {
        var unit = text.Length > 1 ? text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, _ => 0 } : 0;
        return unit > 0 && double.TryParse(text[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number * unit >= least && number * unit <= 172_800
            ? TimeSpan.FromSeconds(number * unit)
            : throw new FormatException($"{flag} {text} is not usable; write 90s, 10m or 8h, from {least:0} s to 48 hours.");
    }

    /// <summary>A requirement by file or preset name.</summary>
    public static Requirement Requirement(string name) =>
        File.Exists(name) ? RequirementYaml.Read(name, File.ReadAllText(name))
        : RequirementPresets.Yaml(name) is { } preset ? RequirementYaml.Read(name, preset)
        : throw new FormatException($"{name} is neither a file nor a preset; presets: {string.Join(", ", RequirementPresets.Names)}.");

    private static (string, string, string?) Claim(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var metric = equals > 0 ? text[..equals] : "";
        if (!RequirementYaml.Metrics.Contains(metric))
            throw new FormatException($"--claim {text}: write METRIC=TEXT with one of {string.Join(", ", RequirementYaml.Metrics)}.");
        var parts = text[(equals + 1)..].Split(';', 2);
        return (metric, parts[0], parts.Length > 1 ? parts[1] : null);
    }
}
