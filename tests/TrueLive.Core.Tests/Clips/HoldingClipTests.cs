using System.Collections.Concurrent;
using System.Collections.Immutable;
using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Tests.Clips;

/// <summary>Clips and revisions of models that hold frames.</summary>
public sealed class HoldingClipTests : IDisposable
{
    private const int Length = 90;

    private readonly FramePool _pool = new("holding clips", 256);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Assert.Equal(0, _pool.Rented);

    [Theory]
    [InlineData(4, 4, 0)]
    [InlineData(1, 1, 3)]
    [InlineData(12, 12, 0)]
    public async Task Every_frame_of_a_clip_comes_out_once_and_a_capture_in_the_middle_goes_on_to_the_same_frames(
        int takes, int gives, int lag)
    {
        var model = new HoldingModel(_pool, new Chunk(takes, gives, lag));
        var whole = await RenderAsync(model, 0, Length, null);
        Assert.Equal(Enumerable.Range(0, Length).Select(i => (long)i), whole.Select(f => f.Source));
        Assert.Equal(Enumerable.Range(0, Length).Select(i => HoldingModel.Luma(Grey(i), i + 1)), whole.Select(f => f.Luma));
        // Stopped at different places, with a full chunk or within one.
        foreach (var at in new[] { 1, 11, 36, 41, 89 })
        {
            using var session = model.CreateSession(16, 16);
            var (first, next) = (new Collecting(), 0L);
            ModelState? memory = null;
            var render = new ClipRender(session, Prompts, TimeProvider.System) { FlushesAtEnd = () => false };
            await render.RunAsync(new Numbered(_pool, 0, at), first, long.MaxValue, Cancel);
            (memory, next) = (session.Capture(), render.FramesTaken);
            Assert.Equal(at, next);
            Assert.Equal(whole, [.. first.Frames, .. await RenderAsync(model, (int)next, Length, memory)]);
        }
    }

    [Fact]
    public async Task What_is_inside_comes_out_before_the_memory_is_forgotten()
    {
        var made = new Collecting();
        using var session = new HoldingModel(_pool, new Chunk(4, 4, 0)).CreateSession(16, 16);
        var render = new ClipRender(session, Prompts, TimeProvider.System) { ForgetsBefore = n => n == 6 };
        await render.RunAsync(new Numbered(_pool, 0, 12), made, long.MaxValue, Cancel);
        Assert.Equal(Enumerable.Range(0, 12).Select(i => ((long)i, HoldingModel.Luma(Grey(i), i < 6 ? i + 1 : i - 5))),
            made.Frames.Select(f => (f.Source, f.Luma)));
    }

    [Theory]
    [InlineData(4, 4, 0)]
    [InlineData(1, 1, 3)]
    public async Task A_revision_has_the_preview_of_its_playhead_and_every_frame_and_a_change_from_a_moment_on_equals_a_fresh_rendering(
        int takes, int gives, int lag)
    {
        var model = new HoldingModel(_pool, new Chunk(takes, gives, lag));
        await using var first = new Revisions(_pool, model);
        first.Render("0s ink; 2s neon");
        var preview = first.Frames.Single(f => f.Pass == RevisionPass.Preview);
        Assert.Equal(30, preview.Index);
        Assert.Equal(Enumerable.Range(0, Length), first.Full.Select(f => f.Index));
        var coarse = first.Frames.Where(f => f.Pass == RevisionPass.Coarse).Select(f => f.Index).ToArray();
        Assert.All(coarse, i => Assert.Equal(0, i / takes % InteractiveClip.CoarseStep));

        first.Frames.Clear();
        var branch = first.Render("0s ink; 2s noir");
        Assert.InRange(branch.ReusedFrames, 60 - takes - lag, 60);
        await using var fresh = new Revisions(_pool, model);
        fresh.Render("0s ink; 2s noir");
        Assert.Equal(fresh.Full.Select(Shown), first.Full.Select(Shown));

        static (int, byte, byte) Shown(RevisionFrame f) => (f.Index, f.Encoded.Span[0], f.Encoded.Span[1]);
    }

    [Fact]
    public async Task A_model_that_makes_other_frames_than_it_takes_is_refused_in_words()
    {
        await using var clip = new Revisions(_pool, new HoldingModel(_pool, new Chunk(4, 2, 0)));
        Assert.Contains("makes 2 frames of 4", Assert.Throws<ArgumentException>(() => clip.Render("ink")).Message,
            StringComparison.Ordinal);
    }

    private static byte Grey(int number) => (byte)(7 * number);

    private static readonly ImmutableArray<(TimeSpan At, Prompt Prompt)> Prompts =
        [(TimeSpan.Zero, Prompt.None with { Revision = 1 }), (TimeSpan.FromSeconds(1), Prompt.None with { Revision = 2 })];

    private async Task<List<(long Source, byte Luma, byte Revision)>> RenderAsync(HoldingModel model, int from, int to, ModelState? memory)
    {
        using var session = model.CreateSession(16, 16);
        if (memory is not null)
            session.Restore(memory);
        var sink = new Collecting();
        await new ClipRender(session, Prompts, TimeProvider.System).RunAsync(new Numbered(_pool, from, to), sink, long.MaxValue, Cancel);
        return sink.Frames;
    }

    private static VideoFrame Frame(FramePool pool, int number)
    {
        var frame = pool.Rent(16, 16);
        frame.Y.Fill(Grey(number));
        frame.Ticket = new FrameTicket(number, TimeSpan.FromSeconds(number / 30.0), 0, 0);
        return frame;
    }

    private sealed class Numbered(FramePool pool, int next, int end) : IVideoSource
    {
        public ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel) => new(next < end ? Frame(pool, next++) : null);
    }

    private sealed class Collecting : IVideoSink
    {
        public List<(long Source, byte Luma, byte Revision)> Frames { get; } = [];

        public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
        {
            Assert.Equal(made.Ticket.PromptRevision, made.Frame.U[0]);
            Frames.Add((made.Ticket.SourceSequence, made.Frame.Y[0], made.Frame.U[0]));
            return new(true);
        }
    }

    private sealed class Revisions : IAsyncDisposable
    {
        private readonly BlockingCollection<ClipRevision> _changes = [];
        private readonly InteractiveClip _clip;

        public Revisions(FramePool pool, HoldingModel model) => _clip = new InteractiveClip(
            [.. Enumerable.Range(0, Length).Select(i => Frame(pool, i))], model, 16, 16, f => new[] { f.Y[0], f.U[0] }, TimeProvider.System)
        {
            Changed = _changes.Add,
            FrameReady = Frames.Enqueue,
        };

        public ConcurrentQueue<RevisionFrame> Frames { get; } = new();

        public RevisionFrame[] Full => [.. Frames.Where(f => f.Pass == RevisionPass.Full)];

        public ClipRevision Render(string prompts)
        {
            var number = _clip.Tweak(new ClipTweak(prompts, 1, TimeSpan.Zero, TimeSpan.MaxValue / 2, TimeSpan.FromSeconds(1))).Number;
            foreach (var change in _changes.GetConsumingEnumerable(Cancel))
            {
                if (change.Number == number && change.State is RevisionState.Full or RevisionState.Failed)
                    return change.State == RevisionState.Full ? change : throw new InvalidOperationException(change.Error);
            }
            throw new InvalidOperationException("No more changes.");
        }

        public ValueTask DisposeAsync() => _clip.DisposeAsync();
    }
}
