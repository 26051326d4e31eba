using TrueLive.Core.Frames;

namespace TrueLive.Samples.SourceAndSink;

/// <summary>A circling ball, at the frame rate of a camera.</summary>
internal sealed class BallSource(TimeProvider time) : IVideoSource, IDisposable
{
    private const int Rate = 30;
    private const int Width = 320;
    private const int Height = 180;

    // Frames are rented, so that a long stream does not allocate memory for each.
    private readonly FramePool _pool = new("drawn pictures");
    private readonly PeriodicTimer _pace = new(TimeSpan.FromSeconds(1.0 / Rate), time);
    private int _next;

    public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
    {
        await _pace.WaitForNextTickAsync(cancel).ConfigureAwait(false);
        var captured = TimeSpan.FromSeconds((double)_next / Rate);
        var frame = _pool.Rent(Width, Height);
        frame.Colour = ColourSpace.Bt709Limited;
        // The session measures age and delay from the arrival, and passes the source's own times on with its output.
        frame.Ticket = new FrameTicket(_next++, captured, Arrived: time.GetTimestamp(), MediaTime: (uint)(captured.TotalSeconds * 90_000));
        Draw(frame, captured.TotalSeconds);
        return frame;
    }

    public void Dispose() => _pace.Dispose();

    private static void Draw(VideoFrame frame, double seconds)
    {
        var (x0, y0) = (160 + (100 * Math.Cos(3 * seconds)), 90 + (50 * Math.Sin(3 * seconds)));
        for (var y = 0; y < frame.Height; y++)
        {
            for (var x = 0; x < frame.Width; x++)
                frame.Y[(y * frame.StrideY) + x] = (byte)(((x - x0) * (x - x0)) + ((y - y0) * (y - y0)) < 900 ? 200 : 60);
        }
        frame.U.Fill(128);
        frame.V.Fill(110);
    }
}
