using System.ComponentModel;
using System.Diagnostics;
using TrueLive.Core.Processes;
using TrueLive.Media.Native;

namespace TrueLive.Media.Files;

/// <summary>A file cannot be read or written; the message is for the user and says what to change.</summary>
public abstract class MediaException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The file is unusable, or ffmpeg failed on it.</summary>
public sealed class MediaFileException(string message, Exception? inner = null) : MediaException(message, inner);

/// <summary>Something else ended the child (such as a service manager that stops a whole unit): nothing is wrong with the file.</summary>
public sealed class MediaInterruptedException(string message) : MediaException(message);

/// <summary>The machine cannot do it now, and nothing is wrong with the file: no ffmpeg, or no disk, memory or handles for it.</summary>
/// <param name="message">For people.</param>
/// <param name="errno">The system's number for what is short; 0 where ffmpeg is missing.</param>
/// <param name="inner">What it was seen by.</param>
public sealed class MediaMachineException(string message, int errno, Exception? inner = null) : MediaException(message, inner)
{
    /// <summary>The system's error number (ENOSPC and the like) for what has run out; 0 where ffmpeg is missing.</summary>
    public int Errno => errno;
}

/// <summary>What a child reaches beside the files that its arguments name. Nothing is the default.</summary>
/// <param name="Network">The network, which it shares with us: what it connects to is for the caller to check.</param>
/// <param name="Device">A device such as <c>/dev/video0</c>.</param>
/// <param name="Narrow">Its pipes keep the size that the system gives: coded pictures that wait in a wide one are seconds late.</param>
public readonly record struct ChildReach(bool Network, string? Device = null, bool Narrow = false);

/// <summary>
/// ffmpeg or ffprobe as a child process with limits, since it parses files from strangers: memory, processor time and output are capped by
/// the kernel, only local files and pipes may be opened, and playlists that name other files are not among the formats allowed.
/// Where bubblewrap works it sees only the files that its arguments name, and a network only where it is to reach one. A crash costs this
/// one file. A child knows nothing
/// of our environment, and is in a process group of its own: the Ctrl-C of a terminal is
/// for us, who then let it finish what it has.
/// </summary>
public sealed class FfmpegChild : IAsyncDisposable
{
    /// <summary>Container formats that are read. Playlists (HLS, DASH, concat) and device inputs are left out on purpose.</summary>
    public const string Formats =
        "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,ogg,flv,ivf,h264,hevc,yuv4mpegpipe,nut,mjpeg,png_pipe,jpeg_pipe,webp_pipe,apng,asf,mxf,rawvideo";

    /// <summary>
    /// Decoders that are used: those of formats that people record, edit and exchange. The others of ffmpeg, some hundreds for old games
    /// and cameras,
    /// are tried by nobody but those who look for a hole.
    /// </summary>
    public const string Decoders =
        "h264,hevc,av1,libdav1d,libaom-av1,vp8,vp9,libvpx,libvpx-vp9,mpeg4,mpeg2video,mpeg1video,mpegvideo,msmpeg4,msmpeg4v2,msmpeg4v3,h263,h263p,flv,wmv1,wmv2,wmv3,vc1,theora,mjpeg,mjpegb,"
        + "png,apng,gif,webp,bmp,tiff,jpeg2000,libopenjpeg,prores,dnxhd,cfhd,dvvideo,ffv1,huffyuv,ffvhuff,utvideo,magicyuv,qtrle,rawvideo,v210,v410,yuv4,rpza,svq3,cinepak,wrapped_avframe,"
        + "aac,aac_fixed,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,libopus,vorbis,libvorbis,flac,alac,ac3,ac3_fixed,eac3,dca,wmav1,wmav2,wmapro,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,"
        + "g722,g726,g726le,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,nellymoser,pcm_alaw,pcm_mulaw,pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_bluray,pcm_dvd";

    /// <summary>Whether children are shut in by bubblewrap, beside the limits that hold anyway.</summary>
    public static bool IsSandboxed => Sandbox.IsUsable;

    private const long AddressSpace = 6L << 30;
    private const long LargestOutput = 64L << 30;
    private const int MaxComplaints = 8 << 10;

    // Where ffmpeg is asked to put levels before its lines (-loglevel level+info), those of this one are no complaints.
    private const string Information = "[info] ";

    // ffmpeg's own code for "told to end by a signal", and where the codes of a shell for "killed by a signal" begin.
    private const int ToldToEnd = 255;
    private const int Killed = 128;

    private const int TryAgain = 11;

    // timeout(1) could not start anything: no process is left for it.
    private const int NotStarted = 125;

    // Codes of a shell for "not found" and "cannot be run".
    private const int NotFound = 127;
    private const int NotRunnable = 126;

    // ffmpeg says what a system call answered in the C library's words, and in nothing else.
    private static readonly (string Words, int Errno)[] Shortages =
        [("No space left on device", 28), ("Disk quota exceeded", 122), ("Read-only file system", 30), ("Too many open files", 24),
            ("Cannot allocate memory", 12)];

    // Only the paths of programs and libraries: a parser of strangers' files must not see the server's keys and passwords.
    private static readonly string[] Inherited = ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG"];

    // timeout(1) without a time only makes the group. setsid(1) would make a session, and with it a share of the processor of its own
    // (autogroup), in which the niceness below counts for nothing.
    private static readonly string[] OwnGroup = ["timeout", "0"];

    private readonly Process _process;
    private readonly Task _errors;
    private readonly Queue<string> _complaints = new();
    private string? _tooLarge;
    private (string Words, int Errno)? _short;
    private int _complaintLength;

    private FfmpegChild(Process process, Action<string>? line, Action? lastLine, bool narrow)
    {
        _process = process;
        if (!narrow)
        {
            Pipe.Widen(Input);
            Pipe.Widen(Output);
        }
        _errors = ReadErrorsAsync(line, lastLine);
    }

    /// <summary>Bytes to the child.</summary>
    public Stream Input => _process.StandardInput.BaseStream;

    /// <summary>Bytes from the child.</summary>
    public Stream Output => _process.StandardOutput.BaseStream;

    /// <summary>It wrote something to standard error that is neither a time nor empty. Known once it has ended.</summary>
    public bool Complained
    {
        get
        {
            lock (_complaints)
                return _complaints.Count > 0;
        }
    }

    /// <summary>Arguments that make an input safe to open, and its <c>-i</c>.</summary>
    public static string[] SafeInput(string path) =>
        ["-protocol_whitelist", "file,pipe", "-format_whitelist", Formats, "-codec_whitelist", Decoders,
            .. FileSignature.DemuxerOf(path) is { } demuxer ? ["-f", demuxer] : Array.Empty<string>(),
            "-max_pixels", MediaFile.MaxPixels.ToString(System.Globalization.CultureInfo.InvariantCulture), "-i",
            "file:" + Path.GetFullPath(path)];

    /// <summary>Starts <c>ffmpeg</c>, <c>ffprobe</c>, or another program that reads what strangers sent.</summary>
    /// <param name="tool">Its name.</param>
    /// <param name="arguments">Its arguments; no shell is involved.</param>
    /// <param name="processorTime">Processor time after which the kernel ends it.</param>
    /// <param name="line">Called for each line that it writes to standard error that is not an error; null collects all.</param>
    /// <param name="background">
    /// Whether it takes only the processor time that others leave. A codec has queues and may wait; each time it takes a core from a step
    /// that runs on all of them, the whole step waits.
    /// </param>
    /// <param name="lastLine">Called when no line can come any more.</param>
    /// <param name="folder">Folder to which its relative names refer; null for ours.</param>
    /// <param name="writes">Whether it may write into that folder.</param>
    /// <param name="reach">What it reaches beside files.</param>
    /// <exception cref="MediaMachineException">The tool is not installed, or cannot be started now.</exception>
    public static FfmpegChild Start(
        string tool, IEnumerable<string> arguments, TimeSpan processorTime, Action<string>? line = null, bool background = false,
        Action? lastLine = null, string? folder = null,
        bool writes = false, ChildReach reach = default)
    {
        string[] limits = ["prlimit", $"--as={AddressSpace}", $"--fsize={LargestOutput}", $"--cpu={(long)processorTime.TotalSeconds}",
            "--core=0", "--"];
        string[] own = [.. tool switch { "ffmpeg" => ["-hide_banner", "-nostdin"], "ffprobe" => ["-hide_banner"],
            _ => Array.Empty<string>() }, .. arguments];
        // A probe is short, and whoever has sent the file waits for it: at 19 it got no core for minutes beside other busy programs.
        string[] niceness = background ? ["nice", "-n", tool == "ffprobe" ? "5" : "19"] : [];
        string[] command = [.. OwnGroup, .. niceness, .. limits,
            .. Sandbox.IsUsable ? Sandbox.Around(tool, own, folder, writes, reach) : [tool, .. own]];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = folder ?? "",
        };
        foreach (var name in start.Environment.Keys.Except(Inherited).ToArray())
            start.Environment.Remove(name);
        try
        {
            return new FfmpegChild(Process.Start(start)!, line, lastLine, reach.Narrow);
        }
        catch (Win32Exception e)
        {
            const int NoEntry = 2;
            throw e.NativeErrorCode == NoEntry
                ? new MediaMachineException("ffmpeg cannot be started. Install it with: apt-get install ffmpeg", 0, e)
                : new MediaMachineException($"ffmpeg cannot be started: {new Win32Exception(e.NativeErrorCode).Message}.",
                    e.NativeErrorCode, e);
        }
    }

    /// <summary>Waits for the end and returns the exit code.</summary>
    public async Task<int> WaitAsync(CancellationToken cancel)
    {
        await _process.WaitForExitAsync(cancel).ConfigureAwait(false);
        await _errors.ConfigureAwait(false);
        return _process.ExitCode;
    }

    /// <summary>
    /// That it failed, in words. Codes above 128 are those of a child that a signal ended: what it has written by then is not all there is,
    /// even where it looks whole.
    /// </summary>
    /// <param name="what">What failed, as the beginning of a sentence.</param>
    public async Task<MediaException> FailureAsync(string what)
    {
        var message = $"{what}: {await LastWordsAsync().ConfigureAwait(false)}.";
        if (Lacking(message) is { } lacking)
            return lacking;
        return _process.ExitCode == ToldToEnd ? new MediaInterruptedException(message) : new MediaFileException(message);
    }

    /// <summary>Whether an exit code says that a signal ended the child.</summary>
    public static bool IsKilled(int code) => code > Killed;

    /// <summary>The child's own last words, shortened and without the paths of this server.</summary>
    /// <exception cref="MediaMachineException">It failed for what the machine lacks.</exception>
    public async Task<string> ComplaintAsync()
    {
        var words = await LastWordsAsync().ConfigureAwait(false);
        return Lacking(words + ".") is { } lacking ? throw lacking : words;
    }

    private MediaMachineException? Lacking(string message)
    {
        lock (_complaints)
            return _process.ExitCode is NotFound or NotRunnable ? new MediaMachineException(message, 0)
                : _process.ExitCode is NotStarted ? new MediaMachineException(message, TryAgain)
                : _short is { } lacking ? new MediaMachineException(message, lacking.Errno) : null;
    }

    private async Task<string> LastWordsAsync()
    {
        await _errors.ConfigureAwait(false);
        await _process.WaitForExitAsync().ConfigureAwait(false);
        switch (_process.ExitCode)
        {
            case NotFound or NotRunnable:
                return "ffmpeg is not installed. Install it with: apt-get install ffmpeg";
            case NotStarted:
                return "no further program can be started on this machine";
            case Killed + 9 or Killed + 24:
                return "ffmpeg took too much processor time or memory, or was killed";
            case Killed + 25:
                return "ffmpeg wrote more than it may";
            case Killed + 4 or Killed + 6 or Killed + 7 or Killed + 8 or Killed + 11:
                return "ffmpeg crashed on it";
            case ToldToEnd:
                return "ffmpeg was told to end";
        }
        string? last;
        lock (_complaints)
            last = _short?.Words ?? _tooLarge ?? _complaints.LastOrDefault();
        if (last is null)
            return "no reason was given";
        var path = last.IndexOf("file:/", StringComparison.Ordinal);
        if (path >= 0 && last.IndexOf(": ", path, StringComparison.Ordinal) is > 0 and var colon)
            last = last[(colon + 2)..];
        return last.Length > 300 ? last[..300] : last;
    }

    /// <summary>Ends the child now, so that whoever waits for its pipes goes on. Any thread.</summary>
    public void Kill()
    {
        try
        {
            // The whole group at once: killing a growing tree one by one would miss some, and those would hold the pipes open.
            if (_process.HasExited || ProcessGroup.Kill(_process.Id) != 0)
                _process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
        }
    }

    /// <summary>Ends the child if it still runs.</summary>
    public async ValueTask DisposeAsync()
    {
        Kill();
        await _process.WaitForExitAsync().ConfigureAwait(false);
        await _errors.ConfigureAwait(false);
        _process.Dispose();
    }

    private async Task ReadErrorsAsync(Action<string>? line, Action? lastLine)
    {
        while (await _process.StandardError.ReadLineAsync().ConfigureAwait(false) is { } text)
        {
            if (line is not null && text.StartsWith("[Parsed_showinfo", StringComparison.Ordinal))
                line(text);
            else if (text.Trim() is { Length: > 0 } complaint && !complaint.Contains(Information, StringComparison.Ordinal))
                Keep(complaint);
        }
        lastLine?.Invoke();
    }

    // The last message says why it ended, but the first complaint about the size says more than those that follow from it.
    private void Keep(string complaint)
    {
        lock (_complaints)
        {
            if (complaint.Contains("max pixel count", StringComparison.Ordinal))
                _tooLarge ??= complaint;
            if (_short is null && Shortages.FirstOrDefault(s => complaint.Contains(s.Words, StringComparison.Ordinal)) is
                { Errno: > 0 } lacking)
                _short = lacking;
            _complaints.Enqueue(complaint);
            _complaintLength += complaint.Length;
            while (_complaintLength > MaxComplaints && _complaints.Count > 1)
                _complaintLength -= _complaints.Dequeue().Length;
        }
    }
}
