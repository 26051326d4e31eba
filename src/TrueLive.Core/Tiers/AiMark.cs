using TrueLive.Core.Models;

namespace TrueLive.Core.Tiers;

/// <summary>The mark of pictures that AI made, in IPTC's vocabulary of digital source types.</summary>
public static class AiMark
{
    /// <summary>Pictures of a camera or a film, changed by a trained model.</summary>
    public const string SourceType = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";

    /// <summary>Name of the mark among the tags of a file.</summary>
    public const string Tag = "digital_source_type";

    /// <summary>The mark of what a model makes; null where its pictures are those that came in.</summary>
    public static string? Of(ModelInfo model) => model.PassesThrough ? null : SourceType;
}
