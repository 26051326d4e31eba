using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Models.Onnx;

namespace TrueLive.Server.Tests.Live.Sessions;

/// <summary>Each connection counts its time from zero, which must not affect what a session keeps across connections.</summary>
public sealed class LookAfterReconnectTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public async Task The_picture_has_the_look_of_the_last_prompt_from_the_first_frame_after_coming_back(double secondsOfTransition)
    {
        using var model = OnnxVideoModel.Load(Path.Combine(AppContext.BaseDirectory, "models", "live-tiny"), 1, TimeProvider.System);
        using var session = new LiveSession("s", new SessionSettings(model, 256, 144, Prompt.None, 0, 0, false), new LiveSessionOptions(),
            TimeProvider.System);
        session.Update("a", new PromptChange("noir", null, TimeSpan.Zero));
        var first = new Film(0, 20, 20.1, 24.2, 24.3)
        {
            Before = n =>
        Then(n == 2, () => session.Update("b", new PromptChange("thermal", null, TimeSpan.FromSeconds(secondsOfTransition))))
        };
        await session.RunAsync(first, first, Cancel);
        var second = new Film(0, 0.1, 0.2);
        await session.RunAsync(second, second, Cancel);

        var (noir, thermal) = (first.Colour[1], first.Colour[^1]);
        Assert.True(thermal > noir + 10, $"'noir' has {noir:0.0} of colour, 'thermal' {thermal:0.0}");
        Assert.All(second.Colour, colour => Assert.True(colour > (noir + thermal) / 2,
            $"{colour:0.0} is nearer to {noir:0.0} than to {thermal:0.0}"));
        Assert.Equal([2L, 2L, 2L], second.Revisions);
        Assert.Equal((0, 0), (first.Rented, second.Rented));
    }

    private static void Then(bool now, Action act)
    {
        if (now)
            act();
    }

    /// <summary>
    /// Sends a frame at each of these times of its own clock once the last one has come back, and records how colourful that one was.
    /// </summary>
    private sealed class Film(params double[] seconds) : IVideoSource, IVideoSink
    {
        private readonly FramePool _pool = new("film");
        private readonly SemaphoreSlim _back = new(1, 1);
        private int _next;

        public Action<int>? Before { get; init; }

        public List<double> Colour { get; } = [];

        public List<long> Revisions { get; } = [];

        public int Rented => _pool.Rented;

        public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
        {
            await _back.WaitAsync(cancel);
            if (_next == seconds.Length)
                return null;
            Before?.Invoke(_next);
            var frame = (await new MovingScene(256, 144, 30, _pool).ReadAsync(cancel))!;
            frame.Ticket = new FrameTicket(_next, TimeSpan.FromSeconds(seconds[_next]), 0, (uint)(seconds[_next] * 90_000));
            _next++;
            return frame;
        }

        public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
        {
            var (frame, sum) = (made.Frame, 0.0);
            for (var y = 0; y < frame.ChromaHeight; y++)
            {
                for (var x = 0; x < frame.ChromaWidth; x++)
                    sum += Math.Abs(frame.U[y * frame.StrideC + x] - 128) + Math.Abs(frame.V[y * frame.StrideC + x] - 128);
            }
            Colour.Add(sum / (frame.ChromaWidth * frame.ChromaHeight));
            Revisions.Add(made.Ticket.PromptRevision);
            _back.Release();
            return new(true);
        }
    }
}
