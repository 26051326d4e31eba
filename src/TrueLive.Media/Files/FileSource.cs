using System.Globalization;
using System.Threading.Channels;
using TrueLive.Core.Frames;

namespace TrueLive.Media.Files;

/// <summary>
/// The frames of a video file in order, decoded, turned upright and scaled to a size by an ffmpeg child, each with its own exact
/// presentation time (a variable frame rate stays variable). Colours come out as BT.709 limited whatever the file had, interlaced fields as
/// whole pictures, transparent parts as the file's <see cref="SourcePicture.Backdrop"/>. Captured times begin at zero with the first frame.
/// </summary>
public sealed class FileSource : IVideoSource, IAsyncDisposable
{
    // A seek must first decode the first frame; decoding a few seconds is as fast.
    private static readonly TimeSpan SeekAt = TimeSpan.FromSeconds(5);

    // The first pictures after a seek may depend on earlier ones.
    private static readonly TimeSpan SeekEarly = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Jitter = TimeSpan.FromMilliseconds(100);

    private readonly FfmpegChild _child;
    private readonly FramePool _pool;
    private readonly MediaFile _file;
    private readonly Channel<TimeSpan> _times;
    private readonly byte[] _packed;
    private readonly int _width;
    private readonly int _height;
    private readonly bool _seeked;
    private TimeSpan? _origin;
    private TimeSpan _last;
    private TimeSpan _rebased;
    private TimeSpan _step = TimeSpan.FromMilliseconds(40);
    private long _sequence;

    private FileSource(MediaFile file, int width, int height, FramePool pool, Channel<TimeSpan> times, FfmpegChild child, TimeSpan? origin)
    {
        (_file, _width, _height, _pool, _times, _child, _origin, _seeked) = (file, width, height, pool, times, child, origin,
            origin is not null);
        _packed = GC.AllocateUninitializedArray<byte>(width * height + 2 * ((width + 1) / 2) * ((height + 1) / 2));
    }

    /// <summary>Starts to decode.</summary>
    /// <param name="file">What to read.</param>
    /// <param name="width">Width of the frames that come out.</param>
    /// <param name="height">Height of the frames that come out.</param>
    /// <param name="pool">Where frames are rented.</param>
    /// <param name="stretch">Part of the file to read; null reads all of it.</param>
    /// <param name="background">Whether to decode at the lowest priority.</param>
    /// <param name="longest">
    /// Longest duration of a file that does not state its own; zero means <see cref="MediaFile.MaxDuration"/>.
    /// </param>
    /// <param name="threads">Threads of the decoder; 0 leaves it to ffmpeg.</param>
    /// <param name="keepShape">Whether a picture of another aspect ratio gets black bars instead of being stretched.</param>
    public static FileSource Open(MediaFile file, int width, int height, FramePool pool, FileStretch? stretch = null,
        bool background = false, TimeSpan longest = default, int threads = 0, bool keepShape = false)
    {
        // One entry per frame; full pipes stop the child long before this channel grows.
        var times = Channel.CreateUnbounded<TimeSpan>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var filters = file.Picture.Filters(width, height, keepShape ? PictureShape.Inside(file.Width, file.Height, width, height) : null,
            file.Width / (double)file.Height);
        var reader = new ShownTimes();
        string[] seek = stretch is null
            ? []
            : ["-copyts", "-seek_timestamp", "1", "-ss", stretch.Start.TotalSeconds.ToString("0.######", CultureInfo.InvariantCulture)];
        string[] decoder = file.Picture.Decoder is { } named ? ["-c:v", named] : [];
        string[] turned = file.Picture.Orientation > 1 ? ["-noautorotate"] : [];
        string[] one = file.IsPicture ? ["-frames:v", "1"] : [];
        var child = FfmpegChild.Start(
            "ffmpeg", ["-loglevel", "info", "-nostats", .. seek, "-threads", threads.ToString(CultureInfo.InvariantCulture), .. decoder,
                .. turned, .. FfmpegChild.SafeInput(file.Path), "-map", "0:V:0", .. one, "-fps_mode", "passthrough", "-vf", filters, "-f",
                "rawvideo", "pipe:1"],
            ProcessorTime(file, longest), line =>
            {
                if (reader.Read(line) is { } at)
                    times.Writer.TryWrite(at);
            }, background, () => times.Writer.TryComplete());
        return new FileSource(file, width, height, pool, times, child, stretch?.Origin);
    }

    /// <summary>
    /// Starts to decode at or before a captured time; the caller skips the frames before it. Far into a file it seeks instead of decoding
    /// everything before; captured times are the same either way.
    /// </summary>
    /// <exception cref="MediaFileException">The file holds no frame that can be decoded.</exception>
    public static async Task<FileSource> OpenAtAsync(MediaFile file, int width, int height, FramePool pool, TimeSpan start, bool background,
        TimeSpan longest, int threads, CancellationToken cancel, bool keepShape = false)
    {
        if (start < SeekAt || !file.SeeksExactly || file.Restarts)
            return Open(file, width, height, pool, null, background, longest, threads, keepShape);
        TimeSpan origin;
        await using (var head = Open(file, 16, 16, new FramePool("first frame", 1), null, background, longest))
        {
            using var first = await head.ReadAsync(cancel).ConfigureAwait(false);
            origin = head.Origin ?? throw new MediaFileException($"{Path.GetFileName(file.Path)} holds no frame.");
        }
        return Open(file, width, height, pool, new FileStretch(origin + start - SeekEarly, origin), background, longest,
            threads, keepShape);
    }

    /// <summary>
    /// Time on the file's own timeline, which its sound shares, at which captured times are zero; null until the first frame has been read.
    /// </summary>
    // Without a seek ffmpeg counts from the start of the container, not from zero.
    public TimeSpan? Origin => _seeked ? _origin : _origin + _file.Start;

    /// <inheritdoc/>
    /// <exception cref="MediaFileException">The file holds no frame that can be decoded, or the decoder died.</exception>
    public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
    {
        var read = await _child.Output.ReadAtLeastAsync(_packed, _packed.Length, throwOnEndOfStream: false, cancel).ConfigureAwait(false);
        if (read < _packed.Length)
        {
            var code = await _child.WaitAsync(cancel).ConfigureAwait(false);
            // A damaged file ends early with an error code, and no more can be read from it; a file whose decoder was killed has more.
            if (_sequence == 0 || FfmpegChild.IsKilled(code) || (code != 0 && read > 0))
                throw await _child.FailureAsync($"{Path.GetFileName(_file.Path)} stops after {_sequence} frames").ConfigureAwait(false);
            return null;
        }
        if (!await _times.Reader.WaitToReadAsync(cancel).ConfigureAwait(false) || !_times.Reader.TryRead(out var at))
            throw await _child.FailureAsync($"{Path.GetFileName(_file.Path)} gave frame {_sequence} without its time")
                .ConfigureAwait(false);
        _origin ??= at;
        at += _rebased - _origin.Value;
        // Times that run backwards a little are moved forwards; times that restart continue from the last one.
        if (_sequence > 0 && at <= _last)
        {
            var on = _last + (_last - at < Jitter ? TimeSpan.FromMilliseconds(1) : _step);
            if (_last - at >= Jitter)
                _rebased += on - at;
            at = on;
        }
        else if (_sequence > 0)
            _step = at - _last;
        _last = at;
        var frame = _pool.Rent(_width, _height);
        Unpack(_packed, frame);
        frame.Colour = ColourSpace.Bt709Limited;
        frame.Ticket = new FrameTicket(_sequence++, at, 0, (uint)(at.Ticks * 9 / 1000));
        return frame;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _child.DisposeAsync();

    /// <summary>
    /// Limit on the processor time for a whole file: the slowest supported codecs take less on any machine that can run a model.
    /// </summary>
    internal static TimeSpan ProcessorTime(MediaFile file, TimeSpan longest = default)
    {
        var length = file.Duration > TimeSpan.Zero ? file.Duration : longest > TimeSpan.Zero ? longest : MediaFile.MaxDuration;
        return TimeSpan.FromSeconds(60 + length.TotalSeconds * 20);
    }

    /// <summary>Fills a frame from rows without padding.</summary>
    internal static void Unpack(ReadOnlySpan<byte> from, VideoFrame frame)
    {
        from = Plane(from, frame.Y, frame.StrideY, frame.Width, frame.Height);
        from = Plane(from, frame.U, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight);
        Plane(from, frame.V, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight);

        static ReadOnlySpan<byte> Plane(ReadOnlySpan<byte> from, Span<byte> to, int stride, int width, int height)
        {
            for (var y = 0; y < height; y++)
                from.Slice(y * width, width).CopyTo(to[(y * stride)..]);
            return from[(width * height)..];
        }
    }
}
