using System.Globalization;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Tests.Onnx;

namespace TrueLive.Models.Tests.Diffusion;

/// <summary>What the runtime keeps of a large session. Alone, because it looks at the memory of the whole process.</summary>
[Collection(nameof(Alone))]
public sealed class HeldMemoryTests
{
    private static readonly (float R, float G, float B) Tan = (0.8f, 0.4f, 0.2f);

    private readonly FramePool _pool = new("held memory", 4);

    [Fact]
    public void What_a_large_session_needed_is_given_back_when_the_next_smaller_one_opens()
    {
        using var folder = new TinyDiffusion(size: """{ "min": 64, "max": 1536, "multiple": 64 }""");
        using var model = folder.Load();
        using var beside = model.CreateSession(64, 64);
        var before = beside.After(_pool, Tan);
        var few = Anonymous();
        using (var large = model.CreateSession(1536, 1536))
            large.After(_pool, Tan);
        var held = Anonymous();
        using (var small = model.CreateSession(64, 64))
            Assert.Equal(before, small.After(_pool, Tan));
        var left = Anonymous();
        TestContext.Current.TestOutputHelper?.WriteLine($"{few >> 20} MB, {held >> 20} after the large one, {left >> 20} MB after the next");
        // Half of it was pictures and tensors of our own, of which pools keep some.
        Assert.True(held - left > (held - few) / 4, $"{few}, {held}, {left}");
    }

    private static long Anonymous()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("RssAnon:", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    /// <summary>Tests that run when no other does.</summary>
    [CollectionDefinition(nameof(Alone), DisableParallelization = true)]
    public sealed class Alone;
}
