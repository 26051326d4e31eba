using System.Reflection;

namespace TrueLive.Probe.Requirements;

/// <summary>The nine requirements that ship with the product.</summary>
public static class RequirementPresets
{
    private const string Prefix = "TrueLive.Probe.Requirements.Presets.";

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. typeof(RequirementPresets).Assembly.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(n => n[Prefix.Length..^".yaml".Length]).Order(StringComparer.Ordinal)];

    /// <summary>The YAML of a preset; null for an unknown name.</summary>
    public static string? Yaml(string name)
    {
        using var stream = typeof(RequirementPresets).GetTypeInfo().Assembly.GetManifestResourceStream(Prefix + name + ".yaml");
        if (stream is null)
            return null;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
