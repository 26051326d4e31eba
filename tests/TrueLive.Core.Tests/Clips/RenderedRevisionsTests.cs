using TrueLive.Core.Clips;
using TrueLive.Core.Frames;

namespace TrueLive.Core.Tests.Clips;

public sealed class RenderedRevisionsTests
{
    [Fact]
    public void Frames_of_kept_revisions_take_no_more_memory_than_the_limit_however_large_each_is()
    {
        var kept = new RenderedRevisions();
        // Never written to, so that the system allocates no pages for it.
        const int Large = (int)(RenderedRevisions.MaxFrameBytes / 4);
        for (var number = 1; number <= 5; number++)
            kept.Keep(With(number, GC.AllocateUninitializedArray<byte>(Large)));
        var source = new[] { new FramePool("source").Rent(2, 2) };
        Assert.Equal([2, 3, 4, 5], Enumerable.Range(1, 5).Where(n => !kept.FramesOf(n, [.. source]).IsEmpty));

        // Shared frames count once, and the newest revision stays even if it alone exceeds the limit.
        var shared = GC.AllocateUninitializedArray<byte>(Large);
        for (var number = 6; number <= 10; number++)
            kept.Keep(With(number, shared));
        Assert.Equal([3, 4, 5, 6, 7, 8, 9, 10], Enumerable.Range(1, 10).Where(n => !kept.FramesOf(n, [.. source]).IsEmpty));
        kept.Keep(With(11, GC.AllocateUninitializedArray<byte>((int)RenderedRevisions.MaxFrameBytes + 1)));
        Assert.Equal([11], Enumerable.Range(1, 11).Where(n => !kept.FramesOf(n, [.. source]).IsEmpty));
        source[0].Dispose();
    }

    private static Rendering With(long number, byte[] frame)
    {
        var rendering = new Rendering(new ClipRevision
        {
            Number = number,
            Parent = 0,
            Tweak = new ClipTweak("", 1, TimeSpan.Zero, TimeSpan.FromSeconds(1), TimeSpan.Zero),
            Range = (0, 1)
        }, []);
        rendering.Frames.Add(frame);
        return rendering;
    }
}
