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
    // The oldest that finds no room is let go, as an encoder does.
    private const int Waiting = 2;

    // What a child was given in the last second of a connection that broke may never have left it.
    private const int Second = 30;

    // A picture that waits for longer is later on its way than its code says.
    private static readonly TimeSpan InTime = TimeSpan.FromSeconds(1.0 / Second);

    // A child takes no more than its first picture or two before its connection stands.
    private static readonly TimeSpan Blocked = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Begins = TimeSpan.FromSeconds(1);

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
    private readonly Channel<(VideoFrame Frame, long At)> _frames;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private int _breaks;
    private int _late;
    private int _lost;
    private int _given;
    private long _stood;
    private volatile bool _open;

    public StreamSender(StreamLeg leg, StimulusFormat format, TimeProvider time)
    {
        (_leg, _time, _raw, _stood) = (leg, time, new RawMatroska(format.Width, format.Height), time.GetTimestamp());
        _frames = Channel.CreateBounded<(VideoFrame Frame, long At)>(
            new BoundedChannelOptions(Waiting) { FullMode = BoundedChannelFullMode.DropOldest }, old =>
            {
                old.Frame.Dispose();
                Interlocked.Increment(ref _late);
            });
        _running = Task.Run(() => RunAsync(_stop.Token));
    }

    /// <summary>Why the last connection ended or failed, in words without anything secret; null while none has.</summary>
    public string? Problem { get; private set; }

    /// <summary>How often a connection ended or failed.</summary>
    public int Breaks => Volatile.Read(ref _breaks);

    /// <summary>Pictures that waited for the encoder, or the network behind it, for longer than one lasts, or were let go.</summary>
    public int Late => Volatile.Read(ref _late);

    /// <summary>Pictures that no connection stood for, or that may have been lost with it.</summary>
    public int Lost => Volatile.Read(ref _lost);

    /// <summary>When a connection that stood last took a picture; when this began before that.</summary>
    public long Stood => Volatile.Read(ref _stood);

    /// <summary>Hands over a picture, which the caller keeps. Waits for nobody.</summary>
    /// <exception cref="TargetException">Nothing can be sent any more.</exception>
    public void Offer(VideoFrame frame)
    {
        if (_running.Exception is { InnerException: { } broken })
            throw new TargetException($"Sending failed: {broken.Message}", broken);
        if (!_open)
        {
            Interlocked.Increment(ref _lost);
            return;
        }
        var copy = _pool.Rent(frame.Width, frame.Height);
        frame.Y.CopyTo(copy.Y);
        frame.U.CopyTo(copy.U);
        frame.V.CopyTo(copy.V);
        _frames.Writer.TryWrite((copy, _time.GetTimestamp()));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        // A fault was told to whoever sent.
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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
            catch (Exception failed) when (failed is (MediaException and not MediaMachineException { Errno: 0 }) or TargetException)
            {
                Problem = failed.Message;
            }
            _open = false;
            Interlocked.Increment(ref _breaks);
            Interlocked.Add(ref _lost, Math.Min(_given, Second) + Empty());
            await Task.Delay(Pause, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Returns why the connection ended.
    private async Task<string> PassAsync(CancellationToken stop)
    {
        _given = 0;
        var place = await _leg.FindAsync(stop).ConfigureAwait(false);
        await using var child = FfmpegChild.Start("ffmpeg", ["-loglevel", "error", "-nostats", .. StreamArguments.Fed, .. Coding,
            .. _leg.Arguments(place)], ProcessorTime, reach: new ChildReach(Network: true, Narrow: true));
        await using var ended = stop.Register(child.Kill);
        try
        {
            await child.Input.WriteAsync(_raw.Header(), CancellationToken.None).ConfigureAwait(false);
            var (began, last) = (_time.GetTimestamp(), TimeSpan.FromMilliseconds(-1));
            _open = true;
            while (true)
            {
                var (frame, at) = await _frames.Reader.ReadAsync(stop).ConfigureAwait(false);
                using (frame)
                {
                    // Containers count milliseconds, and no two pictures may have the same.
                    last = Later(_time.GetElapsedTime(began, at), last + TimeSpan.FromMilliseconds(1));
                    var from = _time.GetTimestamp();
                    _given++;
                    await child.Input.WriteAsync(_raw.Frame(frame, last), CancellationToken.None).ConfigureAwait(false);
                    var now = _time.GetTimestamp();
                    // Connecting takes no time of the stream's own: whoever plays it by its times would be late by that for good.
                    if (last < Begins && _time.GetElapsedTime(from, now) > Blocked)
                        began += now - from;
                    if (_time.GetElapsedTime(at, now) > InTime)
                        Interlocked.Increment(ref _late);
                    if (_given >= Second)
                        Volatile.Write(ref _stood, now);
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

    private int Empty()
    {
        var count = 0;
        for (; _frames.Reader.TryRead(out var old); count++)
            old.Frame.Dispose();
        return count;
    }
}
