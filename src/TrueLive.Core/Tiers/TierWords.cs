using System.Globalization;

namespace TrueLive.Core.Tiers;

/// <summary>The names of the tiers in answers and files, and what they mean.</summary>
public static class TierWords
{
    /// <summary><c>clip</c>, <c>interactive</c> or <c>live</c>.</summary>
    public static string Name(Tier tier) => tier switch { Tier.Clip => "clip", Tier.Interactive => "interactive", _ => "live" };

    /// <summary>The message of a live session whose model is away.</summary>
    /// <param name="why">The reason; only its first line is shown.</param>
    public static string PassedThrough(string why) => $"passed through: {why.Split('\n')[0]}";

    /// <summary>The message of a live session whose source is lost.</summary>
    /// <param name="why">The reason.</param>
    public static string Repeated(string why) => $"degraded: the last picture is repeated. {why}";

    /// <summary>The message of a live session that falls below its promise.</summary>
    /// <param name="rate">Frames per second that it reaches.</param>
    /// <param name="mask">What a mask takes of each frame's step; null for none.</param>
    public static string Degraded(double rate, TimeSpan? mask = null) =>
        string.Create(CultureInfo.InvariantCulture, $"degraded: {rate:0} fps")
        + (mask is { } part ? string.Create(CultureInfo.InvariantCulture, $" ({part.TotalMilliseconds:0} ms of each step is the mask)") : "");

    /// <summary>Said while a mask is in force and no person is seen.</summary>
    public static string Nobody => "No person is seen: everything counts as background.";

    /// <summary>One sentence for users.</summary>
    public static string Means(Tier tier) => tier switch
    {
        Tier.Clip => "Tier 1, clip: a file goes in, a finished file comes out; faster is better, but it never answers new input.",
        Tier.Interactive => "Tier 2, interactive: each tweak makes a new version of a short clip within seconds.",
        _ => "Tier 3, live: each incoming frame is turned into an outgoing one while the stream runs.",
    };
}
