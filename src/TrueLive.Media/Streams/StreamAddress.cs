using System.Globalization;
using System.Text.RegularExpressions;

namespace TrueLive.Media.Streams;

/// <summary>
/// An address of a stream as somebody wrote it. What is secret in it (passwords, stream keys, pass phrases) stands anywhere but in scheme,
/// host and port: only those are ever shown, logged or told.
/// </summary>
internal sealed partial record StreamAddress
{
    private const int MaxLength = 2048;

    // Shorter pieces would blank out half of every sentence, and protect nothing.
    private const int ShortestSecret = 3;

    private static readonly Dictionary<string, int> Ports = new()
    {
        ["rtsp"] = 554,
        ["rtmp"] = 1935,
        ["rtmps"] = 443,
        ["http"] = 80,
        ["https"] = 443,
        ["srt"] = 0,
        ["udp"] = 0,
    };

    // What ffmpeg's SRT takes beside these opens files or changes what was checked.
    private static readonly string[] SrtOptions = ["mode", "latency", "passphrase", "pbkeylen", "streamid"];

    private string[] _secrets = [];

    private StreamAddress(StreamKind kind, string path, string shown) => (Kind, Path, Shown) = (kind, path, shown);

    public StreamKind Kind { get; private init; }

    /// <summary>Scheme as written, such as <c>rtmps</c>; empty for files and devices.</summary>
    public string Scheme { get; private init; } = "";

    /// <summary>Host by its name or number; empty where a port of ours is meant, and for files and devices.</summary>
    public string Host { get; private init; } = "";

    public int Port { get; private init; }

    /// <summary>For an address its user and password with an <c>@</c>; else empty.</summary>
    public string User { get; private init; } = "";

    /// <summary>Path and query of an address; the name of a file or device.</summary>
    public string Path { get; private init; }

    /// <summary>Of an SRT address, how many microseconds its receiver holds packets back; null for the protocol's default.</summary>
    public int? Latency { get; private init; }

    /// <summary>Of an RTMP address that we wait on: application and stream key.</summary>
    public (string Application, string Key) Published =>
        Path.Split('/', '?') is [_, var application, var key, ..] ? (application, key) : throw new InvalidOperationException(Shown);

    /// <summary>Whether both wait for the same publisher over RTMP.</summary>
    public bool AwaitsSame(StreamAddress other) => Kind == StreamKind.RtmpListen && other.Kind == Kind && other.Port == Port
        && other.Published == Published;

    /// <summary>An http or https address as it is asked for.</summary>
    public Uri Fetched =>
        new UriBuilder(Scheme, Host, Port).Uri is var server && Uri.TryCreate(server, Path, out var whole) ? whole : server;

    /// <summary>For people, without anything secret.</summary>
    public string Shown { get; private init; }

    /// <summary>Whether we wait for the far side to come.</summary>
    public bool Listens => Kind is StreamKind.SrtListen or StreamKind.RtmpListen;

    /// <summary>Whether it is reached over a network.</summary>
    public bool IsRemote => Host.Length > 0;

    /// <summary>Reads an address.</summary>
    /// <param name="text">As somebody wrote it.</param>
    /// <param name="output">Whether it is to be sent to.</param>
    /// <param name="problem">What is wrong with it; never holds the address.</param>
    /// <param name="measured">For a measurement, which pushes RTSP and hears datagrams, too.</param>
    public static StreamAddress? Parse(string? text, bool output, out string problem, bool measured = false)
    {
        problem = (output, measured) switch
        {
            (true, true) => "Pictures are sent to rtmp(s)://HOST/APP/KEY, srt://HOST:PORT, srt://:PORT?mode=listener, rtsp://HOST/PATH or "
                + "udp://HOST:PORT.",
            (false, true) => "Pictures come back from rtmp(s)://HOST/APP/KEY, srt://HOST:PORT, srt://:PORT?mode=listener, rtsp://HOST/PATH, "
                + "udp://HOST:PORT, or HLS at http(s)://HOST/PATH.m3u8.",
            (true, false) => "An output is one of rtmp://HOST/APP/KEY, rtmps://, srt://HOST:PORT, srt://:PORT?mode=listener, "
                + "udp://HOST:PORT, hls, file:NAME.mp4, /dev/videoN.",
            _ => "A source is one of rtsp://, rtmp(s)://, rtmp://:PORT/APP/KEY?mode=listener, srt://HOST:PORT, srt://:PORT?mode=listener, "
                + "http(s):// (MPEG-TS, FLV, or HLS ending in .m3u8), file:NAME, /dev/videoN.",
        };
        if (string.IsNullOrWhiteSpace(text) || text.Length > MaxLength || text.Any(c => char.IsControl(c)))
            return null;
        if (DeviceName().IsMatch(text))
            return new StreamAddress(StreamKind.Device, text, text);
        if (output && text == "hls")
            return new StreamAddress(StreamKind.Hls, "", "hls");
        if (text.StartsWith("file:", StringComparison.Ordinal) && !text.StartsWith("file://", StringComparison.Ordinal) && text.Length > 5)
            return OfFile(text[5..], output, ref problem);
        return Written().Match(text) is { Success: true } parts ? OfNetwork(parts, output, measured, ref problem) : null;
    }

    /// <summary>Words that may come from the far side or a child, without what is secret in this address.</summary>
    public string Clean(string words)
    {
        words = AnyAddress().Replace(words, Shown);
        foreach (var secret in _secrets)
            words = words.Replace(secret, "…", StringComparison.OrdinalIgnoreCase);
        return words.Length > 300 ? words[..300] : words;
    }

    // Records print all their properties; this one must not.
    public override string ToString() => Shown;

    private static StreamAddress? OfFile(string name, bool output, ref string problem)
    {
        if (output && !name.EndsWith(".mp4", StringComparison.OrdinalIgnoreCase))
        {
            problem = "A recording is written as MP4: end its name in .mp4.";
            return null;
        }
        return new StreamAddress(StreamKind.File, name, "file:" + System.IO.Path.GetFileName(name));
    }

    private static StreamAddress? OfNetwork(Match parts, bool output, bool measured, ref string problem)
    {
        var (scheme, user) = (parts.Groups["scheme"].Value, parts.Groups["user"].Value);
        var (host, path) = (parts.Groups["host"].Value, parts.Groups["rest"].Value);
        if (!Ports.TryGetValue(scheme, out var port))
            return null;
        if (parts.Groups["port"] is { Success: true } given && !(int.TryParse(given.Value, out port) && port is > 0 and < 65536))
            return null;
        var query = path.IndexOf('?') is >= 0 and var mark ? path[(mark + 1)..] : "";
        var options = Options(query);
        var listens = (scheme == "srt" || (scheme == "rtmp" && !output && host.Length == 0))
            && options.GetValueOrDefault("mode") == "listener";
        if (port == 0 || (host.Length == 0) != listens)
            return null;
        if (host.Length > 0 && Uri.CheckHostName(host.Trim('[', ']')) is UriHostNameType.Unknown or UriHostNameType.Basic)
            return null;
        StreamKind? kind = scheme switch
        {
            "rtsp" when !output || measured => StreamKind.Rtsp,
            "rtmp" when listens => StreamKind.RtmpListen,
            "rtmp" or "rtmps" => StreamKind.Rtmp,
            "srt" => listens ? StreamKind.SrtListen : StreamKind.Srt,
            "udp" when output || measured => StreamKind.Udp,
            "http" or "https" when !output =>
                path.Split('?')[0].EndsWith(".m3u8", StringComparison.OrdinalIgnoreCase) ? StreamKind.Hls : StreamKind.Http,
            _ => null,
        };
        if (kind is null)
            return null;
        if (scheme == "srt" && Refuse(options) is { } wrong)
        {
            problem = wrong;
            return null;
        }
        if (kind == StreamKind.RtmpListen && !Awaited().IsMatch(path))
        {
            problem = "To wait for a publisher: rtmp://:1935/APP/KEY?mode=listener, with 8 to 128 letters, digits, - and _ as the key.";
            return null;
        }
        if (kind == StreamKind.Rtmp && path.TrimStart('/').Split('/', 2) is not [{ Length: > 0 }, { Length: > 0 }])
        {
            problem = "An RTMP address has an application and a stream key behind its host: rtmp://HOST/APP/KEY.";
            return null;
        }
        if (user.Length > 0 && kind != StreamKind.Rtsp)
        {
            problem = "A user and a password in the address are only taken for rtsp://.";
            return null;
        }
        var login = user.TrimEnd('@');
        var hidden = listens ? "?mode=listener" : path.Length > 1 || user.Length > 0 ? "/…" : "";
        string[] pieces =
        [
            login, path.TrimStart('/'), .. login.Split(':'), .. path.Split('/', '?', '&').Where(p => p != "mode=listener"),
            .. options.Where(o => o.Key is not ("mode" or "latency" or "pbkeylen")).Select(o => o.Value),
        ];
        return new StreamAddress(kind.Value, path, $"{scheme}://{host}:{port}{hidden}")
        {
            Scheme = scheme,
            Host = host.Trim('[', ']'),
            Port = port,
            User = user,
            Latency = int.TryParse(options.GetValueOrDefault("latency"), NumberStyles.None, CultureInfo.InvariantCulture, out var held)
                ? held : null,
            _secrets = [.. pieces.Where(s => s.Length >= ShortestSecret).Distinct().OrderByDescending(s => s.Length)],
        };
    }

    private static Dictionary<string, string> Options(string query) => query.Split('&', StringSplitOptions.RemoveEmptyEntries)
        .Select(o => o.Split('=', 2)).GroupBy(o => o[0]).ToDictionary(g => g.Key, g => g.Last().ElementAtOrDefault(1) ?? "");

    private static string? Refuse(Dictionary<string, string> options)
    {
        if (options.Keys.FirstOrDefault(k => !SrtOptions.Contains(k)) is not null)
            return $"An SRT address takes {string.Join(", ", SrtOptions)} behind its question mark, and nothing else.";
        if (options.GetValueOrDefault("mode") is not (null or "caller" or "listener"))
            return "The mode of an SRT address is caller or listener.";
        return options.TryGetValue("passphrase", out var phrase) && phrase.Length is < 10 or > 79
            ? "An SRT pass phrase has 10 to 79 characters." : null;
    }

    [GeneratedRegex(
        "^(?<scheme>[a-z]{3,5})://(?<user>[^/?#@\\s]+@)?(?<host>\\[[0-9a-fA-F:.]+\\]|[^/?#:@\\s]*)"
        + "(:(?<port>[0-9]{1,5}))?(?<rest>[/?][^\\s\"'|]*)?$")]
    private static partial Regex Written();

    [GeneratedRegex(@"^/[\w.-]{1,64}/[\w.~-]{8,128}\?mode=listener$", RegexOptions.ECMAScript)]
    private static partial Regex Awaited();

    /// <summary>The name of a video device.</summary>
    [GeneratedRegex("^/dev/video[0-9]{1,3}$")]
    internal static partial Regex DeviceName();

    [GeneratedRegex(@"[a-z]{2,8}://[^\s'""]*[^\s'"":.,;]")]
    private static partial Regex AnyAddress();
}
