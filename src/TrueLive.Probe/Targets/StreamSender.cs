using System.Threading.Channels;
using TrueLive.Core.Frames;
using TrueLive.Media.Files;
using TrueLive.Media.Streams;

namespace TrueLive.Probe.Targets;

/// <summary>
/// Codes pictures and sends them to an address, as an encoder does: H.264 by x264, which holds no picture back. A connection that is cut is
/// made again each second.
/// </summary>
internal sealed class StreamSender : IAsyncDisposable
{
    // A quarter of a second; what finds no room is let go, as an encoder does.
    private const int Waiting = 8;

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ProcessorTime = TimeSpan.FromDays(1);

    // A key frame each second, so that whoever joins sees a picture soon.
    private static readonly string[] Coding =
        ["-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
            "-threads", "1", "-bf", "0", "-g", "30", "-crf", "20", "-maxrate", "4000k", "-bufsize", "4000k", "-colorspace", "bt709",
            "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv", "-flush_packets", "1"];

    private readonly StreamLeg _leg;
    private readonly TimeProvider _time;
    private readonly RawMatroska _raw;
    private readonly FramePool _pool = new("probe sending", Waiting + 2);
    private readonly Channel<(VideoFrame Frame, long At)> _frames =
        Channel.CreateBounded<(VideoFrame Frame, long At)>(new BoundedChannelOptions(Waiting) { SingleReader = true });

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private int _breaks;
    private int _dropped;

    public StreamSender(StreamLeg leg, StimulusFormat format, TimeProvider time)
    {
        (_leg, _time, _raw) = (leg, time, new RawMatroska(format.Width, format.Height));
        _running = Task.Run(() => RunAsync(_stop.Token));
    }

    /// <summary>Why the last connection ended or failed, in words without anything secret; null while none has.</summary>
    public string? Problem { get; private set; }

    /// <summary>How often a connection ended or failed.</summary>
    public int Breaks => Volatile.Read(ref _breaks);

    /// <summary>Pictures that were let go because those before them were still waiting.</summary>
    public int Dropped => Volatile.Read(ref _dropped);

    /// <summary>Hands over a picture, which the caller keeps. Waits for nobody.</summary>
    public void Offer(VideoFrame frame)
    {
        var copy = _pool.Rent(frame.Width, frame.Height);
        frame.Y.CopyTo(copy.Y);
        frame.U.CopyTo(copy.U);
        frame.V.CopyTo(copy.V);
        if (_frames.Writer.TryWrite((copy, _time.GetTimestamp())))
            return;
        copy.Dispose();
        Interlocked.Increment(ref _dropped);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
        Empty();
    }

    private async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Problem = await PassAsync(stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                break;
            }
            catch (Exception failed) when (failed is MediaException or TargetException)
            {
                Problem = failed.Message;
            }
            Interlocked.Increment(ref _breaks);
            await Task.Delay(Pause, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Empty();
        }
    }

    // Returns why the connection ended.
    private async Task<string> PassAsync(CancellationToken stop)
    {
        var place = await _leg.FindAsync(stop).ConfigureAwait(false);
        await using var child = FfmpegChild.Start("ffmpeg", ["-loglevel", "error", "-nostats", .. StreamArguments.Fed, .. Coding,
            .. _leg.Arguments(place)], ProcessorTime, reach: new ChildReach(Network: true));
        await using var ended = stop.Register(child.Kill);
        try
        {
            await child.Input.WriteAsync(_raw.Header(), CancellationToken.None).ConfigureAwait(false);
            var (began, last) = (_time.GetTimestamp(), TimeSpan.FromMilliseconds(-1));
            while (true)
            {
                var (frame, at) = await _frames.Reader.ReadAsync(stop).ConfigureAwait(false);
                using (frame)
                {
                    // Containers count milliseconds, and no two pictures may have the same.
                    last = Later(_time.GetElapsedTime(began, at), last + TimeSpan.FromMilliseconds(1));
                    await child.Input.WriteAsync(_raw.Frame(frame, last), CancellationToken.None).ConfigureAwait(false);
                }
            }
        }
        catch (IOException)
        {
            stop.ThrowIfCancellationRequested();
            return _leg.Address.Clean($"{_leg.Address.Shown}: {LiveInput.Plain(await child.ComplaintAsync().ConfigureAwait(false))}");
        }
    }

    private static TimeSpan Later(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private void Empty()
    {
        while (_frames.Reader.TryRead(out var old))
            old.Frame.Dispose();
    }
}
