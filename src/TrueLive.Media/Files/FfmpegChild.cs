using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using TrueLive.Media.Native;

namespace TrueLive.Media.Files;

/// <summary>A file or ffmpeg itself let us down; the message is for the user and says what to change.</summary>
public sealed class MediaFileException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// ffmpeg or ffprobe as a child process with limits, since it parses files from strangers: memory, processor time and output are capped by
/// the kernel, only local files and pipes may be opened, and playlists that name other files are not among the formats allowed.
/// A crash costs this one file.
/// </summary>
public sealed class FfmpegChild : IAsyncDisposable
{
    /// <summary>Container formats that are read. Playlists (HLS, DASH, concat) and device inputs are left out on purpose.</summary>
    public const string Formats = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,ogg,flv,ivf,h264,hevc,yuv4mpegpipe,nut,mjpeg,png_pipe,jpeg_pipe,webp_pipe,apng,asf,mxf,rawvideo";

    private const long AddressSpace = 6L << 30;
    private const long LargestOutput = 64L << 30;
    private const int MaxErrorText = 8 << 10;

    private readonly Process _process;
    private readonly Task _errors;
    private readonly StringBuilder _errorText = new();

    private FfmpegChild(Process process, Action<string>? line)
    {
        _process = process;
        Pipe.Widen(Input);
        Pipe.Widen(Output);
        _errors = ReadErrorsAsync(line);
    }

    /// <summary>Bytes to the child.</summary>
    public Stream Input => _process.StandardInput.BaseStream;

    /// <summary>Bytes from the child.</summary>
    public Stream Output => _process.StandardOutput.BaseStream;

    /// <summary>Arguments that make an input safe to open; they come before <c>-i</c>.</summary>
    public static string[] SafeInput(string path) =>
        ["-protocol_whitelist", "file,pipe", "-format_whitelist", Formats, "-max_pixels", MediaFile.MaxPixels.ToString(System.Globalization.CultureInfo.InvariantCulture), "-i", "file:" + Path.GetFullPath(path)];

    /// <summary>Starts <c>ffmpeg</c> or <c>ffprobe</c>.</summary>
    /// <param name="tool"><c>ffmpeg</c> or <c>ffprobe</c>.</param>
    /// <param name="arguments">Its arguments; no shell is involved.</param>
    /// <param name="processorTime">Processor time after which the kernel ends it.</param>
    /// <param name="line">Called for each line that it writes to standard error that is not an error; null collects all.</param>
    /// <param name="background">
    /// Whether it takes only the processor time that others leave. A codec has queues and may wait; each time it takes a core from a step
    /// that runs on all of them, the whole step waits.
    /// </param>
    /// <exception cref="MediaFileException">The tool is not installed.</exception>
    public static FfmpegChild Start(string tool, IEnumerable<string> arguments, TimeSpan processorTime, Action<string>? line = null, bool background = false)
    {
        string[] limits = ["prlimit", $"--as={AddressSpace}", $"--fsize={LargestOutput}", $"--cpu={(long)processorTime.TotalSeconds}", "--core=0", "--"];
        string[] command = [.. background ? ["nice", "-n", "19"] : Array.Empty<string>(), .. limits, tool, "-hide_banner", .. tool == "ffmpeg" ? ["-nostdin"] : Array.Empty<string>(), .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        try
        {
            return new FfmpegChild(Process.Start(start)!, line);
        }
        catch (Win32Exception e)
        {
            throw new MediaFileException("ffmpeg cannot be started. Install it with: apt-get install ffmpeg", e);
        }
    }

    /// <summary>Waits for the end and returns the exit code.</summary>
    public async Task<int> WaitAsync(CancellationToken cancel)
    {
        await _process.WaitForExitAsync(cancel).ConfigureAwait(false);
        await _errors.ConfigureAwait(false);
        return _process.ExitCode;
    }

    /// <summary>The child's own last words, shortened and without the paths of this server.</summary>
    public async Task<string> ComplaintAsync()
    {
        await _errors.ConfigureAwait(false);
        if (_process.HasExited && _process.ExitCode is 127)
            return "ffmpeg is not installed. Install it with: apt-get install ffmpeg";
        string text;
        lock (_errorText)
            text = _errorText.ToString();
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (lines.Length == 0)
            return _process.HasExited && _process.ExitCode is 137 or 152 ? "it took too much processor time or memory" : "no reason was given";
        // The first complaint about the size says more than the ones that follow from it.
        var last = lines.FirstOrDefault(l => l.Contains("max pixel count", StringComparison.Ordinal)) ?? lines[^1];
        var path = last.IndexOf("file:/", StringComparison.Ordinal);
        if (path >= 0 && last.IndexOf(": ", path, StringComparison.Ordinal) is > 0 and var colon)
            last = last[(colon + 2)..];
        return last.Length > 300 ? last[..300] : last;
    }

    /// <summary>Ends the child if it still runs.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
        }
        await _process.WaitForExitAsync().ConfigureAwait(false);
        await _errors.ConfigureAwait(false);
        _process.Dispose();
    }

    private async Task ReadErrorsAsync(Action<string>? line)
    {
        while (await _process.StandardError.ReadLineAsync().ConfigureAwait(false) is { } text)
        {
            if (line is not null && text.StartsWith("[Parsed_showinfo", StringComparison.Ordinal))
            {
                line(text);
                continue;
            }
            lock (_errorText)
            {
                if (_errorText.Length < MaxErrorText)
                    _errorText.Append(text).Append('\n');
            }
        }
    }
}
