using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;

namespace TrueLive.Core.Tests.Clips;

public sealed class ClipRenderTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_frame_is_made_in_order_under_the_prompt_of_its_moment_and_none_leaks()
    {
        var pool = new FramePool("clip test");
        using var model = new EchoModel(pool);
        using var session = model.CreateSession(32, 32);
        var sink = new Sink();
        var render = new ClipRender(session, Resolve(model, "0s a; 1s bb"), TimeProvider.System);

        var result = await render.RunAsync(new Source(pool, 60), sink, long.MaxValue, Cancel);

        Assert.Equal((60, true), result);
        Assert.Equal(Enumerable.Range(1, 60), sink.Frames.Select(f => (int)f.Memory));
        Assert.Equal(Enumerable.Repeat(1, 30).Concat(Enumerable.Repeat(2, 30)), sink.Frames.Select(f => (int)f.PromptLength));
        Assert.Equal(0, pool.Rented);
    }

    [Fact]
    public async Task A_frame_limit_stops_where_the_next_call_goes_on()
    {
        var pool = new FramePool("clip test");
        using var model = new EchoModel(pool);
        using var session = model.CreateSession(32, 32);
        var sink = new Sink();
        var render = new ClipRender(session, Resolve(model, "a"), TimeProvider.System);
        var source = new Source(pool, 25);
        Assert.Equal((10, false), await render.RunAsync(source, sink, 10, Cancel));
        Assert.Equal((15, true), await render.RunAsync(source, sink, 100, Cancel));
        Assert.Equal(Enumerable.Range(1, 25), sink.Frames.Select(f => (int)f.Memory));
    }

    [Fact]
    public async Task A_failure_of_any_stage_is_the_one_thrown_and_nothing_leaks()
    {
        foreach (var stage in new[] { "source", "step", "sink" })
        {
            var pool = new FramePool("clip test");
            var steps = 0;
            using var model = new EchoModel(pool) { FailNextStep = () => stage == "step" && ++steps == 7 };
            using var session = model.CreateSession(32, 32);
            var render = new ClipRender(session, Resolve(model, "a"), TimeProvider.System);
            var source = new Source(pool, 60) { FailAt = stage == "source" ? 7 : -1 };
            var failure = await Assert.ThrowsAnyAsync<Exception>(() =>
                render.RunAsync(source, new Sink { FailAt = stage == "sink" ? 7 : -1 }, long.MaxValue, Cancel));
            Assert.Contains("on purpose", failure.Message, StringComparison.Ordinal);
            Assert.Equal(0, pool.Rented);
        }
    }

    private static System.Collections.Immutable.ImmutableArray<(TimeSpan, Prompt)> Resolve(IVideoModel model, string text) =>
        PromptSchedule.TryParse(text, out var schedule, out _) ? schedule.Resolve(model, 1, TimeSpan.Zero) : throw new FormatException();

    private sealed class Source(FramePool pool, int frames) : IVideoSource
    {
        private int _next;

        public int FailAt { get; init; } = -1;

        public ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
        {
            cancel.ThrowIfCancellationRequested();
            if (_next == FailAt)
                throw new IOException("The source failed on purpose.");
            if (_next == frames)
                return ValueTask.FromResult<VideoFrame?>(null);
            var frame = pool.Rent(32, 32);
            frame.Ticket = new FrameTicket(_next, TimeSpan.FromSeconds(_next / 30.0), 0, (uint)(_next * 3000));
            _next++;
            return ValueTask.FromResult<VideoFrame?>(frame);
        }
    }

    private sealed class Sink : IVideoSink
    {
        public List<(byte Memory, byte PromptLength)> Frames { get; } = [];

        public int FailAt { get; init; } = -1;

        public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
        {
            if (Frames.Count == FailAt)
                throw new IOException("The sink failed on purpose.");
            Frames.Add((made.Frame.Y[0], made.Frame.U[0]));
            return ValueTask.FromResult(true);
        }
    }
}
