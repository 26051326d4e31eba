using System.Collections.Concurrent;
using TrueLive.Core.Frames;

namespace TrueLive.Core.Tests.Sessions;

/// <summary>Keeps the trace and the first luma sample of each frame.</summary>
internal sealed class KeepingSink : IVideoSink
{
    private readonly SemaphoreSlim _arrived = new(0);

    public ConcurrentQueue<(FrameTicket Trace, byte Luma, int Width, int Height)> Frames { get; } = new();

    public bool Takes { get; set; } = true;

    public Exception? Fails { get; set; }

    public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
    {
        if (Fails is not null)
            throw Fails;
        if (Takes)
            Frames.Enqueue((made.Ticket, made.Frame.Y[0], made.Frame.Width, made.Frame.Height));
        _arrived.Release();
        return new(Takes);
    }

    public async Task<(FrameTicket Trace, byte Luma, int Width, int Height)> NextAsync()
    {
        Assert.True(await _arrived.WaitAsync(TimeSpan.FromMinutes(5), TestContext.Current.CancellationToken), "no frame came out");
        Frames.TryDequeue(out var frame);
        return frame;
    }
}
