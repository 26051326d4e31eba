using System.Globalization;
using TrueLive.Core.Frames;

namespace TrueLive.Media.Files;

/// <summary>What a finished clip is written as.</summary>
public enum ClipFormat
{
    /// <summary>H.264 in MP4, plays everywhere.</summary>
    Mp4,

    /// <summary>H.264 in QuickTime.</summary>
    Mov,

    /// <summary>H.264 in Matroska.</summary>
    Mkv,

    /// <summary>VP9 in WebM.</summary>
    WebM,

    /// <summary>AV1 in MP4, if the installed ffmpeg has an encoder for it.</summary>
    Av1,

    /// <summary>Animated GIF, at most 15 frames a second, no sound.</summary>
    Gif,

    /// <summary>One PNG for each frame, in a folder, no sound.</summary>
    Png,
}

/// <summary>
/// Encodes frames with an ffmpeg child into one video file without sound, each frame at its own time, at the lowest priority. Frames must
/// come in order of time. The file appears under its name only after <see cref="FinishAsync"/>.
/// </summary>
public sealed class FileSink : IVideoSink, IAsyncDisposable
{
    private readonly FfmpegChild _child;
    private readonly RawMatroska _raw;
    private readonly Task _drain;
    private readonly string _path;
    private readonly string _partial;
    private TimeSpan? _origin;
    private bool _finished;

    private FileSink(string path, int width, int height, FfmpegChild child, string partial)
    {
        (_path, _child, _partial) = (path, child, partial);
        _raw = new RawMatroska(width, height);
        _drain = child.Output.CopyToAsync(Stream.Null);
    }

    /// <summary>Frames written so far.</summary>
    public long Frames { get; private set; }

    /// <summary>Starts to encode.</summary>
    /// <param name="path">File to make; an older one is replaced at the end.</param>
    /// <param name="width">Width of the frames, even.</param>
    /// <param name="height">Height of the frames, even.</param>
    /// <param name="format">
    /// <see cref="ClipFormat.Gif"/> and <see cref="ClipFormat.Png"/> are encoded without loss and converted at the end; the others with
    /// their own codec.
    /// </param>
    /// <param name="threads">Threads of the encoder.</param>
    public static async Task<FileSink> CreateAsync(
        string path, int width, int height, ClipFormat format, int threads, CancellationToken cancel)
    {
        string[] coding = format switch
        {
            // No B frames, so that segments can be joined at any frame without a shift in time. Otherwise like the preset veryfast, but
            // without the smallest blocks and references: they take a fifth of its time and save 2 % of the bytes, and the model can use
            // that time.
            ClipFormat.Mp4 or ClipFormat.Mov or ClipFormat.Mkv =>
                ["-c:v", "libx264", "-preset", "superfast", "-x264-params", "mbtree=1:rc-lookahead=10:subme=2", "-crf", "18", "-bf", "0",
                "-pix_fmt", "yuv420p"],
            ClipFormat.WebM =>
                ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "6", "-crf", "28", "-b:v", "0", "-row-mt", "1",
                "-pix_fmt", "yuv420p"],
            ClipFormat.Av1 => await Av1Encoder.FindAsync(cancel).ConfigureAwait(false),
            _ => ["-c:v", "ffv1"],
        };
        var partial = path + ".partial";
        var child = FfmpegChild.Start("ffmpeg",
            ["-loglevel", "error", "-y", "-probesize", "64k", "-analyzeduration", "0", "-f", "matroska", "-i", "pipe:0", "-fps_mode",
                "passthrough", "-enc_time_base", "1:90000",
                .. coding, "-threads", threads.ToString(CultureInfo.InvariantCulture), "-colorspace", "bt709", "-color_primaries", "bt709",
                "-color_trc", "bt709", "-color_range", "tv", "-f", "matroska", "file:" + Path.GetFullPath(partial)],
            TimeSpan.FromHours(12), background: true);
        var sink = new FileSink(path, width, height, child, partial);
        try
        {
            await child.Input.WriteAsync(sink._raw.Header(), cancel).ConfigureAwait(false);
        }
        catch (IOException)
        {
            var failure = await child.FailureAsync("The encoder did not start").ConfigureAwait(false);
            await sink.DisposeAsync().ConfigureAwait(false);
            throw failure;
        }
        return sink;
    }

    /// <inheritdoc/>
    /// <exception cref="MediaFileException">The encoder died; the message says why.</exception>
    public async ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
    {
        _origin ??= made.Ticket.Captured;
        try
        {
            await _child.Input.WriteAsync(_raw.Frame(made.Frame, made.Ticket.Captured - _origin.Value), cancel).ConfigureAwait(false);
        }
        catch (IOException)
        {
            throw await _child.FailureAsync("The encoder stopped").ConfigureAwait(false);
        }
        Frames++;
        return true;
    }

    /// <summary>Completes the file, and only then gives it its name.</summary>
    /// <exception cref="MediaFileException">The encoder failed; the message says why.</exception>
    public async Task FinishAsync(CancellationToken cancel)
    {
        _child.Input.Close();
        if (await _child.WaitAsync(cancel).ConfigureAwait(false) != 0)
            throw await _child.FailureAsync("The encoder failed").ConfigureAwait(false);
        File.Move(_partial, _path, overwrite: true);
        _finished = true;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _child.DisposeAsync().ConfigureAwait(false);
        await _drain.ConfigureAwait(false);
        if (!_finished)
            File.Delete(_partial);
    }
}
