namespace TrueLive.Core.Tiers;

/// <summary>The three things that are all called "live AI video". Every answer of this product names one.</summary>
public enum Tier
{
    /// <summary>A request makes a finished clip; faster is better, but the output never answers new input.</summary>
    Clip = 1,

    /// <summary>Each tweak makes a new version of a short clip within seconds.</summary>
    Interactive = 2,

    /// <summary>An incoming stream is turned into an outgoing one, frame after frame, for as long as it runs.</summary>
    Live = 3,
}
