namespace TrueLive.Core.Tiers;

/// <summary>The tier in the tags of files that we write.</summary>
public static class TierTags
{
    /// <summary>Tags of a file that belongs to a tier.</summary>
    public static IReadOnlyDictionary<string, string> Of(Tier tier) =>
        new Dictionary<string, string> { ["truelive_tier"] = TierWords.Name(tier), ["comment"] = TierWords.Means(tier) };
}
