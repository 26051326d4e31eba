namespace TrueLive.Probe.Targets;

/// <summary>The browser of a target.</summary>
public sealed record BrowserOptions
{
    /// <summary>Path or name of Chromium.</summary>
    public string Browser { get; init; } = "chromium";

    /// <summary>How long connecting may take.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Whether to run it without its sandbox, which it does not have for root.</summary>
    public bool WithoutSandbox { get; init; }

    /// <summary>Memory of all its processes together; beyond that it is ended.</summary>
    public long Megabytes { get; init; } = 4096;
}
