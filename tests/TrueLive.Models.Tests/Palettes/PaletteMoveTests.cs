using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Models.Palettes;

namespace TrueLive.Models.Tests.Palettes;

/// <summary>A live session with a palette that goes on on another machine.</summary>
public sealed class PaletteMoveTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_palette_of_a_model_without_memory_moves_with_the_session()
    {
        using var model = PaletteModel.Of(new PassthroughModel(), TimeProvider.System);
        Assert.False(model.Info.HasMemory);
        var camera = new Camera();
        var prompt = Scene.Prompt(model, 1, Scene.Picture(new FramePool("palette"), (120, 110, 150), 50));
        var settings = new SessionSettings(model, Scene.Width, Scene.Height, prompt, 0, 0, false);
        // Between two connections no time passes, however slow the machine is.
        var (options, time) = (new LiveSessionOptions(), new FakeTimeProvider());
        using var first = new LiveSession("first", settings, options, time);
        await camera.RunAsync(first, 3, (110, 128, 128));
        var memory = await first.HoldAsync(Cancel);
        Assert.NotNull(memory.Model);
        first.Resume();
        using var second = new LiveSession("second", settings, options, time);
        second.Continue(memory);
        using var anew = new LiveSession("anew", settings, options, time);
        // A picture so near to those before that it is averaged with them.
        var (here, there, fresh) = (await camera.RunAsync(first, 1, (114, 128, 128)), await camera.RunAsync(second, 1, (114, 128, 128)),
            await camera.RunAsync(anew, 1, (114, 128, 128)));
        Assert.Equal(here, there);
        Assert.True(there > fresh + 1);
    }

    // Sends its next frame when the one before has come back.
    private sealed class Camera : IVideoSource, IVideoSink
    {
        private readonly FramePool _pool = new("camera");
        private SemaphoreSlim _back = new(1, 1);
        private (int Y, int U, int V) _mean;
        private int _left;
        private int _next;
        private double _luma;

        // The mean luma of the last picture that came back.
        public async Task<double> RunAsync(LiveSession session, int frames, (int Y, int U, int V) mean)
        {
            (_left, _mean, _back) = (frames, mean, new SemaphoreSlim(1, 1));
            Assert.Equal(EndCause.ReceiveClient, (await session.RunAsync(this, this, Cancel)).Cause);
            return _luma;
        }

        public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
        {
            await _back.WaitAsync(cancel);
            return _left-- > 0 ? Scene.Make(_pool, _next++, _mean, 40) : null;
        }

        public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
        {
            _luma = 219 * ColourMoments.Of(made.Frame).Y;
            _back.Release();
            return new(true);
        }
    }
}
