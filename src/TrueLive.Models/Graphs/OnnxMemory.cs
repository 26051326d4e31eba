using Microsoft.ML.OnnxRuntime;

namespace TrueLive.Models.Graphs;

/// <summary>
/// The memory that all models of the process work in: one arena with an upper limit, so that a model that asks for more than the
/// machine has fails with an error instead of taking the process with it. Frames and bound tensors are not part of it.
/// </summary>
internal static class OnnxMemory
{
    /// <summary>
    /// Most bytes of the arena: half of what the process may use, and under 4 GB, which is all that the runtime's option can say.
    /// </summary>
    public static long Limit { get; } = Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2, 256L << 20, uint.MaxValue - 1L);

    // A constant computed while the graph is prepared is not taken from the arena.
    private const int MaxFolded = 64 << 20;

    private static readonly Lazy<bool> Arena = new(() =>
    {
        using var info = new OrtMemoryInfo(OrtMemoryInfo.allocatorCPU, OrtAllocatorType.ArenaAllocator, 0, OrtMemType.Default);
        // Extends by what is asked for: doubling would leave up to half of the limit unused.
        using var limits = new OrtArenaCfg((uint)Limit, arenaExtendStrategy: 1, initialChunkSizeBytes: -1, maxDeadBytesPerChunk: -1);
        OrtEnv.Instance().CreateAndRegisterAllocator(info, limits);
        return true;
    });

    /// <summary>Makes a session work in that arena.</summary>
    public static SessionOptions Bound(SessionOptions options)
    {
        _ = Arena.Value;
        options.AddSessionConfigEntry("session.use_env_allocators", "1");
        options.AddSessionConfigEntry("optimization.constant_folding_max_output_size_in_bytes",
            MaxFolded.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return options;
    }
}
