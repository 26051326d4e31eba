using System.Globalization;
using System.Text.RegularExpressions;
using System.Threading.Channels;
using TrueLive.Core.Frames;

namespace TrueLive.Media.Files;

/// <summary>
/// Pictures of a live source, decoded by an ffmpeg child: each as soon as it is decoded, with its own size (a source may change it) and the
/// source's time. The caller must read without pause; pictures that have waited for longer than <see cref="MaxWait"/> are dropped and
/// counted. Pictures larger than 1920x1080 are scaled down, and colours come out as BT.709 limited.
/// </summary>
public sealed partial class LiveInput : IVideoSource, IAsyncDisposable
{
    /// <summary>Longest time that a decoded picture waits for its reader.</summary>
    public static readonly TimeSpan MaxWait = TimeSpan.FromMilliseconds(500);

    private const int MaxSide = 4096;

    // Pixels need not be square in the source; sides are made even, as the later stages require.
    private const string Filters =
        "scale=w='trunc(iw*sar*min(1,min(1920/(iw*sar),1080/ih))/2)*2':h='trunc(ih*min(1,min(1920/(iw*sar),1080/ih))/2)*2'"
        + ":out_color_matrix=bt709:out_range=tv,setsar=1,format=yuv420p,showinfo=checksum=0";

    private static readonly TimeSpan ProcessorTime = TimeSpan.FromDays(365);

    private readonly FfmpegChild _child;
    private readonly FramePool _pool;
    private readonly TimeProvider _time;
    private readonly SoundPort? _sound;

    // One entry per picture; a full pipe stops the child before this channel grows.
    private readonly Channel<Shown> _shown;
    private byte[] _packed = [];
    private long _sequence;

    private LiveInput(FfmpegChild child, SoundPort? sound, Channel<Shown> shown, FramePool pool, TimeProvider time) =>
        (_child, _sound, _shown, _pool, _time) = (child, sound, shown, pool, time);

    /// <summary>Starts to read.</summary>
    /// <param name="input">ffmpeg's arguments for the input, with its <c>-i</c>.</param>
    /// <param name="reach">What the child may reach beside files.</param>
    /// <param name="pool">Where frames are rented.</param>
    /// <param name="time">Clock.</param>
    /// <param name="heard">Takes the sound of the source's first track, on another thread; null when none is wanted.</param>
    /// <exception cref="MediaMachineException">ffmpeg is not installed, or cannot be started now.</exception>
    public static LiveInput Open(
        IReadOnlyList<string> input, ChildReach reach, FramePool pool, TimeProvider time, SoundHandler? heard = null)
    {
        var sound = heard is null ? null : new SoundPort(heard);
        try
        {
            return Open(input, reach, pool, time, sound);
        }
        catch
        {
            sound?.Dispose();
            throw;
        }
    }

    private static LiveInput Open(IReadOnlyList<string> input, ChildReach reach, FramePool pool, TimeProvider time, SoundPort? sound)
    {
        var shown = Channel.CreateUnbounded<Shown>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var times = new ShownTimes();
        var child = FfmpegChild.Start(
            "ffmpeg",
            [
                "-loglevel", "level+info", "-nostats", "-threads", "1", "-codec_whitelist", FfmpegChild.Decoders,
                "-max_pixels", MediaFile.MaxPixels.ToString(CultureInfo.InvariantCulture), .. input,
                "-map", "0:V:0", "-fps_mode", "passthrough", "-autoscale", "0", "-vf", Filters, "-f", "rawvideo", "pipe:1",
                .. sound is null ? [] : SoundPort.Output,
            ],
            ProcessorTime,
            line =>
            {
                var at = times.Read(line);
                if (ShownTimes.Size(line) is { } size)
                    shown.Writer.TryWrite(new Shown(at, size.Width, size.Height, time.GetTimestamp()));
            },
            lastLine: () => shown.Writer.TryComplete(), folder: sound?.Folder, writes: false, reach: reach);
        return new LiveInput(child, sound, shown, pool, time);
    }

    /// <summary>Takes the input when the caller fetches it (<c>-i pipe:0</c>).</summary>
    public Stream Feed => _child.Input;

    /// <summary>Number of pictures that were dropped because they had waited for too long.</summary>
    public long Overdue { get; private set; }

    /// <summary>
    /// The next picture; null when the source has ended. Its ticket has the source's time as <see cref="FrameTicket.MediaTime"/> (the time
    /// of arrival if the source states none); <see cref="FrameTicket.Captured"/> is for the caller to set.
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

    /// <summary>
    /// Ends the child at once, which also ends pending reads and writes to <see cref="Feed"/>. May be called on any thread.
    /// </summary>
    public void Kill() => _child.Kill();

    /// <summary>
    /// Waits for the end and returns why it came, in ffmpeg's own words without its prefixes; null when the source simply ended.
    /// </summary>
    /// <exception cref="MediaMachineException">It failed because the machine lacks something.</exception>
    public async Task<string?> FailureAsync() =>
        await _child.WaitAsync(CancellationToken.None).ConfigureAwait(false) == 0
            ? null : Plain(await _child.ComplaintAsync().ConfigureAwait(false));

    /// <summary>A message of ffmpeg without the prefixes before it (<c>[flv @ 0x55d0] [error]</c>).</summary>
    public static string Plain(string complaint) => Marks().Replace(complaint, "").Trim();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _child.DisposeAsync().ConfigureAwait(false);
        _sound?.Dispose();
    }

    [GeneratedRegex(@"\[[^\]]{1,60} @ 0x[0-9a-f]+\] ?|\[(error|fatal|warning|panic)\] ?")]
    private static partial Regex Marks();

    private readonly record struct Shown(TimeSpan? At, int Width, int Height, long Noticed);
}
