using TrueLive.Models.Manifest;

namespace TrueLive.Models.Graphs;

/// <summary>How large the graph of a model may be, by where its folder comes from.</summary>
/// <param name="File">Bytes of the file.</param>
/// <param name="Constants">Bytes that its constants may need once loaded.</param>
/// <param name="DataFolder">Where numbers may lie that are not in the file itself; null for nowhere.</param>
internal readonly record struct GraphLimits(long File, long Constants, string? DataFolder)
{
    // A protobuf message holds 2 GB at most, and so does an array.
    internal const long MaxMessage = 2_000_000_000;

    /// <summary>Those of a model of one file.</summary>
    public static GraphLimits OfNetwork(ModelManifest manifest) => manifest.Trust == ModelTrust.Pulled ? Large(manifest.Folder)
        : new GraphLimits(ModelManifest.MaxFileBytes, OnnxFile.MaxConstants, null);

    /// <summary>Those of a part of a pipeline: what it has beyond one message, every exporter puts beside the graph.</summary>
    public static GraphLimits OfPart(ModelManifest manifest, string part) => Large(Path.Combine(manifest.Folder, part));

    private static GraphLimits Large(string folder) => new(MaxMessage, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2, folder);
}
