using TrueLive.Core.Frames;

namespace TrueLive.Server.Tests.Journals;

/// <summary>
/// A client that sends its next frame only when an earlier one has come back, with at most <paramref name="ahead"/> under way, so that none
/// is dropped.
/// </summary>
internal sealed class SteppedCamera(int frames, Action<int> before, bool noise = false, int ahead = 1) : IVideoSource, IVideoSink
{
    private readonly FramePool _pool = new("stepped camera");
    private readonly SemaphoreSlim _back = new(ahead, ahead);
    private int _next;

    public int Rented => _pool.Rented;

    public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
    {
        await _back.WaitAsync(cancel);
        if (_next == frames)
            return null;
        before(_next);
        var frame = noise ? _pool.Rent(640, 480) : _pool.Rent(256, 192);
        if (noise)
            new Random(_next).NextBytes(frame.Y);
        else
            frame.Y.Fill((byte)(40 + 4 * _next));
        frame.U.Fill(110);
        frame.V.Fill(140);
        frame.Ticket = new FrameTicket(_next, TimeSpan.FromSeconds(_next / 30.0), 0, (uint)(_next * 3000));
        _next++;
        return frame;
    }

    public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
    {
        _back.Release();
        return new(true);
    }
}
