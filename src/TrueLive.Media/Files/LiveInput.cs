using System.Globalization;
using System.Text.RegularExpressions;
using System.Threading.Channels;
using TrueLive.Core.Frames;

namespace TrueLive.Media.Files;

/// <summary>
/// Pictures of a live source as an ffmpeg child reads them: each as soon as it is decoded, with the size that it has at that moment (a
/// source may change it) and the source's own time. Whoever reads must read without pause; pictures that have waited for longer than
/// <see cref="MaxWait"/> are let go and counted. Larger pictures than 1920x1080 are made smaller, colours come out as BT.709 limited.
/// </summary>
public sealed partial class LiveInput : IVideoSource, IAsyncDisposable
{
    /// <summary>Longest time that a decoded picture waits for its reader.</summary>
    public static readonly TimeSpan MaxWait = TimeSpan.FromMilliseconds(500);

    private const int MaxSide = 4096;

    // The pixels of a picture may be wider than high; sides are even, as all that follows wants them.
    private const string Filters =
        "scale=w='trunc(iw*sar*min(1,min(1920/(iw*sar),1080/ih))/2)*2':h='trunc(ih*min(1,min(1920/(iw*sar),1080/ih))/2)*2'"
        + ":out_color_matrix=bt709:out_range=tv,setsar=1,format=yuv420p,showinfo=checksum=0";

    private static readonly TimeSpan ProcessorTime = TimeSpan.FromDays(365);

    private readonly FfmpegChild _child;
    private readonly FramePool _pool;
    private readonly TimeProvider _time;

    // One entry a picture; the child stops at its full pipe before this grows.
    private readonly Channel<Shown> _shown;
    private byte[] _packed = [];
    private long _sequence;

    private LiveInput(FfmpegChild child, Channel<Shown> shown, FramePool pool, TimeProvider time) =>
        (_child, _shown, _pool, _time) = (child, shown, pool, time);

    /// <summary>Starts to read.</summary>
    /// <param name="input">ffmpeg's arguments for the input, with its <c>-i</c>.</param>
    /// <param name="reach">What the child reaches.</param>
    /// <param name="pool">Where frames are rented.</param>
    /// <param name="time">Clock.</param>
    /// <exception cref="MediaMachineException">ffmpeg is not installed, or cannot be started now.</exception>
    public static LiveInput Open(IReadOnlyList<string> input, ChildReach reach, FramePool pool, TimeProvider time)
    {
        var shown = Channel.CreateUnbounded<Shown>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var times = new ShownTimes();
        var child = FfmpegChild.Start(
            "ffmpeg",
            [
                "-loglevel", "level+info", "-nostats", "-threads", "1", "-codec_whitelist", FfmpegChild.Decoders,
                "-max_pixels", MediaFile.MaxPixels.ToString(CultureInfo.InvariantCulture), .. input,
                "-map", "0:V:0", "-fps_mode", "passthrough", "-autoscale", "0", "-vf", Filters, "-f", "rawvideo", "pipe:1",
            ],
            ProcessorTime,
            line =>
            {
                var at = times.Read(line);
                if (ShownTimes.Size(line) is { } size)
                    shown.Writer.TryWrite(new Shown(at, size.Width, size.Height, time.GetTimestamp()));
            },
            lastLine: () => shown.Writer.TryComplete(), reach: reach);
        return new LiveInput(child, shown, pool, time);
    }

    /// <summary>Where an input that the caller fetches goes (<c>-i pipe:0</c>).</summary>
    public Stream Feed => _child.Input;

    /// <summary>Pictures that had waited for too long and were let go.</summary>
    public long Overdue { get; private set; }

    /// <summary>
    /// The next picture; null when the source has ended. Its ticket has the source's time as <see cref="FrameTicket.MediaTime"/> (that of
    /// its arrival where the source says none), and <see cref="FrameTicket.Captured"/> is left to whoever knows what came before.
    /// </summary>
    public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
    {
        while (await _shown.Reader.WaitToReadAsync(cancel).ConfigureAwait(false))
        {
            if (!_shown.Reader.TryRead(out var shown))
                continue;
            if (shown is not { Width: > 1 and <= MaxSide, Height: > 1 and <= MaxSide })
            {
                Kill();
                return null;
            }
            var (width, height) = (shown.Width, shown.Height);
            var bytes = width * height + 2 * ((width + 1) / 2) * ((height + 1) / 2);
            if (_packed.Length < bytes)
                _packed = GC.AllocateUninitializedArray<byte>(bytes);
            var read = await _child.Output.ReadAtLeastAsync(_packed.AsMemory(0, bytes), bytes, false, cancel).ConfigureAwait(false);
            if (read < bytes)
                return null;
            var now = _time.GetTimestamp();
            var sequence = _sequence++;
            if (_time.GetElapsedTime(shown.Noticed, now) > MaxWait)
            {
                Overdue++;
                continue;
            }
            var frame = _pool.Rent(width, height);
            FileSource.Unpack(_packed, frame);
            frame.Colour = ColourSpace.Bt709Limited;
            var at = shown.At ?? _time.GetElapsedTime(0, now);
            frame.Ticket = new FrameTicket(sequence, default, now, (uint)(ulong)((Int128)at.Ticks * 9 / 1000));
            return frame;
        }
        return null;
    }

    /// <summary>Ends it now, so that a reader and whoever feeds it go on. Any thread.</summary>
    public void Kill() => _child.Kill();

    /// <summary>Why it ended, in ffmpeg's own words; null when the source came to its end. Waits until it has ended.</summary>
    /// <exception cref="MediaMachineException">It failed for what the machine lacks.</exception>
    public async Task<string?> FailureAsync() =>
        await _child.WaitAsync(CancellationToken.None).ConfigureAwait(false) == 0
            ? null : Plain(await _child.ComplaintAsync().ConfigureAwait(false));

    /// <summary>What ffmpeg says without the marks before it (<c>[flv @ 0x55d0] [error]</c>).</summary>
    public static string Plain(string complaint) => Marks().Replace(complaint, "").Trim();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _child.DisposeAsync();

    [GeneratedRegex(@"\[[^\]]{1,60} @ 0x[0-9a-f]+\] ?|\[(error|fatal|warning|panic)\] ?")]
    private static partial Regex Marks();

    private readonly record struct Shown(TimeSpan? At, int Width, int Height, long Noticed);
}
