using System.Threading.Channels;
using TrueLive.Core.Frames;

namespace TrueLive.Core.Tests.Sessions;

/// <summary>Gives the frames that a test puts in, then ends or fails when the test says so.</summary>
internal sealed class HandFedSource(FramePool pool, TimeProvider time) : IVideoSource
{
    private readonly Channel<VideoFrame> _frames = Channel.CreateUnbounded<VideoFrame>();
    private long _sequence;

    public void Feed(byte luma = 100, int width = 64, int height = 36)
    {
        var frame = pool.Rent(width, height);
        frame.Y.Fill(luma);
        frame.U.Fill(128);
        frame.V.Fill(128);
        frame.Ticket = new FrameTicket(_sequence, TimeSpan.FromMilliseconds(33 * _sequence), time.GetTimestamp(), (uint)(3000 * _sequence));
        _sequence++;
        _frames.Writer.TryWrite(frame);
    }

    public void End(Exception? error = null) => _frames.Writer.Complete(error);

    public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
    {
        while (await _frames.Reader.WaitToReadAsync(cancel))
        {
            if (_frames.Reader.TryRead(out var frame))
                return frame;
        }
        return null;
    }
}
