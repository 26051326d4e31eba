using System.Globalization;
using System.Threading.Channels;
using TrueLive.Core.Frames;

namespace TrueLive.Media.Files;

/// <summary>
/// The frames of a video file in order, decoded, turned upright and scaled to a size by an ffmpeg child, each with its own exact
/// presentation time (a variable frame rate stays variable). Colours come out as BT.709 limited whatever the file had. Captured
/// times begin at zero with the first frame.
/// </summary>
public sealed class FileSource : IVideoSource, IAsyncDisposable
{
    private readonly FfmpegChild _child;
    private readonly FramePool _pool;
    private readonly MediaFile _file;
    private readonly Channel<TimeSpan> _times;
    private readonly byte[] _packed;
    private readonly int _width;
    private readonly int _height;
    private TimeSpan? _origin;
    private TimeSpan? _first;
    private TimeSpan _last;
    private long _sequence;

    private FileSource(MediaFile file, int width, int height, FramePool pool, Channel<TimeSpan> times, FfmpegChild child, TimeSpan? origin)
    {
        (_file, _width, _height, _pool, _times, _child, _origin) = (file, width, height, pool, times, child, origin);
        _packed = GC.AllocateUninitializedArray<byte>(width * height + 2 * ((width + 1) / 2) * ((height + 1) / 2));
    }

    /// <summary>Starts to decode.</summary>
    /// <param name="file">What to read.</param>
    /// <param name="width">Width of the frames that come out.</param>
    /// <param name="height">Height of the frames that come out.</param>
    /// <param name="pool">Where frames are rented.</param>
    /// <param name="stretch">Part of the file to read; null reads all.</param>
    /// <param name="background">Whether decoding takes only the processor time that others leave.</param>
    public static FileSource Open(MediaFile file, int width, int height, FramePool pool, FileStretch? stretch = null, bool background = false)
    {
        // One line per frame; the child stops at its full pipes long before this channel grows.
        var times = Channel.CreateUnbounded<TimeSpan>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var size = string.Create(CultureInfo.InvariantCulture, $"scale={width}:{height}:flags=area:{(file.HighDefinitionUntagged ? "in_color_matrix=bt709:" : "")}out_color_matrix=bt709:out_range=tv,setsar=1,format=yuv420p,showinfo=checksum=0");
        var reader = new ShownTimes();
        string[] seek = stretch is null ? [] : ["-copyts", "-seek_timestamp", "1", "-ss", stretch.Start.TotalSeconds.ToString("0.######", CultureInfo.InvariantCulture)];
        var child = FfmpegChild.Start("ffmpeg", ["-loglevel", "info", "-nostats", .. seek, .. FfmpegChild.SafeInput(file.Path), "-map", "0:v:0", "-fps_mode", "passthrough", "-vf", size, "-f", "rawvideo", "pipe:1"],
            TimeSpan.FromSeconds(60 + file.Duration.TotalSeconds * 20), line =>
            {
                if (reader.Read(line) is { } at)
                    times.Writer.TryWrite(at);
            }, background);
        return new FileSource(file, width, height, pool, times, child, stretch?.Origin);
    }

    /// <summary>Time of the first frame on the file's own timeline, which its sound shares; null before it was read.</summary>
    public TimeSpan? FirstFrame => _first;

    /// <inheritdoc/>
    /// <exception cref="MediaFileException">The file holds no frame that can be decoded, or the decoder died.</exception>
    public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
    {
        var read = await _child.Output.ReadAtLeastAsync(_packed, _packed.Length, throwOnEndOfStream: false, cancel).ConfigureAwait(false);
        if (read < _packed.Length)
        {
            var code = await _child.WaitAsync(cancel).ConfigureAwait(false);
            if (_sequence == 0 || (code != 0 && read > 0))
                throw new MediaFileException($"{Path.GetFileName(_file.Path)} stops after {_sequence} frames: {await _child.ComplaintAsync().ConfigureAwait(false)}.");
            return null;
        }
        var at = await _times.Reader.ReadAsync(cancel).ConfigureAwait(false);
        _first ??= at;
        _origin ??= at;
        at -= _origin.Value;
        // A file whose times run backwards still plays forwards.
        if (_sequence > 0 && at <= _last)
            at = _last + TimeSpan.FromMilliseconds(1);
        _last = at;
        var frame = _pool.Rent(_width, _height);
        Unpack(frame);
        frame.Colour = ColourSpace.Bt709Limited;
        frame.Time = new FrameTime(_sequence++, at, 0, (uint)(at.Ticks * 9 / 1000));
        return frame;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _child.DisposeAsync();

    private void Unpack(VideoFrame frame)
    {
        var from = _packed.AsSpan();
        from = Plane(from, frame.Y, frame.StrideY, _width, _height);
        from = Plane(from, frame.U, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight);
        Plane(from, frame.V, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight);

        static Span<byte> Plane(Span<byte> from, Span<byte> to, int stride, int width, int height)
        {
            for (var y = 0; y < height; y++)
                from.Slice(y * width, width).CopyTo(to[(y * stride)..]);
            return from[(width * height)..];
        }
    }
}
