using System.Globalization;
using System.Net;

namespace TrueLive.Media.Streams;

/// <summary>
/// What ffmpeg is told for the ways in and out that it speaks over a network. Each child may use the protocols and formats of its own way
/// and no others; sizes of the search for a stream's head are those that were measured to be enough (a larger one only delays the first
/// picture).
/// </summary>
internal static class StreamArguments
{
    /// <summary>A search for a stream's head that takes other containers than FLV and their sound in.</summary>
    public static readonly string[] Wider = ["-probesize", "500000", "-analyzeduration", "300000"];

    /// <summary>Matroska on the standard input, of which each picture goes on as soon as it is there.</summary>
    public static readonly string[] Fed =
        [.. Only("pipe", "matroska,webm"), "-probesize", "32", "-analyzeduration", "0", "-fpsprobesize", "0", "-f", "matroska",
            "-i", "pipe:0"];

    private const string Authorities = "/etc/ssl/certs/ca-certificates.crt";

    // Microseconds that a far side may say nothing.
    private const string Silence = "10000000";

    private static readonly string[] Quick = ["-probesize", "32768", "-analyzeduration", "0"];
    private static readonly string[] Datagrams = ["-muxdelay", "0", "-muxpreload", "0", "-f", "mpegts"];

    /// <summary>The arguments of an input, with its <c>-i</c>.</summary>
    /// <param name="place">Where it is.</param>
    /// <exception cref="ArgumentException">It is none of a network.</exception>
    public static string[] Input(StreamPlace place) => place.Address.Kind switch
    {
        StreamKind.Rtsp =>
            [.. Only("tcp,rtsp", "rtsp,rtp"), "-rtsp_transport", "tcp", "-timeout", Silence, .. Wider, "-i", place.Url],
        StreamKind.Rtmp =>
            [.. Only("rtmp,rtmps,tls,tcp", "flv,live_flv"), .. Rtmp(place), "-rw_timeout", Silence, .. Quick, "-i", place.Url],
        StreamKind.Srt => [.. Only("srt", "mpegts"), "-timeout", Silence, .. Wider, "-f", "mpegts", "-i", place.Url],
        StreamKind.SrtListen => [.. Only("srt", "mpegts"), .. Wider, "-f", "mpegts", "-i", place.Url],
        StreamKind.Udp => [.. Only("udp", "mpegts"), .. Wider, "-f", "mpegts", "-i", place.Url],
        // Whole segments come at once: read at their own pace, or only the last picture of each would be seen.
        StreamKind.Hls => ["-re", .. Only("pipe", "mpegts,mov,mp4,m4a,3gp,3g2,mj2"), .. Wider, "-i", "pipe:0"],
        _ => throw new ArgumentException($"{place.Address.Kind} is no source."),
    };

    /// <summary>
    /// The arguments of an input that somebody pushes to, once, whatever the key, and within half a minute: a child whose owner was killed
    /// must not keep the port. With its <c>-i</c>.
    /// </summary>
    /// <param name="place">Where it listens.</param>
    public static string[] Awaited(StreamPlace place) => place.Address.Kind switch
    {
        StreamKind.Rtsp => ["-rtsp_flags", "listen", "-listen_timeout", "30", .. Only("tcp,rtsp", "rtsp,rtp"), .. Wider, "-i", place.Url],
        StreamKind.Rtmp => ["-listen", "1", "-timeout", "30", .. Only("rtmp,tcp", "flv,live_flv"), .. Quick, "-i", place.Url],
        StreamKind.Udp => ["-timeout", "30000000", .. Input(place)],
        _ => ["-listen_timeout", "30000000", .. Input(place)],
    };

    /// <summary>The arguments of an output: its container and where it goes.</summary>
    /// <param name="place">Where that is.</param>
    /// <exception cref="ArgumentException">It is none of a network.</exception>
    public static string[] Output(StreamPlace place) => place.Address.Kind switch
    {
        StreamKind.Rtsp => ["-rtsp_transport", "tcp", "-timeout", Silence, "-f", "rtsp", place.Url],
        StreamKind.Rtmp => [.. Rtmp(place), "-flvflags", "no_duration_filesize", "-rw_timeout", Silence, "-f", "flv", place.Url],
        StreamKind.Srt or StreamKind.SrtListen =>
            [.. Datagrams, $"{place.Url}{(place.Url.Contains('?', StringComparison.Ordinal) ? '&' : '?')}pkt_size=1316"],
        StreamKind.Udp => [.. Datagrams, $"udp://{new IPEndPoint(place.At!, place.Address.Port)}?pkt_size=1316"],
        _ => throw new ArgumentException($"{place.Address.Kind} is no output."),
    };

    /// <summary>Which protocols and formats a child may use.</summary>
    public static string[] Only(string protocols, string formats) => ["-protocol_whitelist", protocols, "-format_whitelist", formats];

    // The far side is told the name that was asked for, whatever number is connected to, and must prove it where it speaks TLS.
    private static string[] Rtmp(StreamPlace place)
    {
        var (address, parts) = (place.Address, place.Address.Path.TrimStart('/').Split('/'));
        var application = parts.Length > 2 ? $"{parts[0]}/{parts[1]}" : parts[0];
        string[] tls = address.Scheme == "rtmps" ? ["-verifyhost", address.Host, "-tls_verify", "1", "-ca_file", Authorities] : [];
        var named = $"{address.Scheme}://{address.Host}:{address.Port.ToString(CultureInfo.InvariantCulture)}";
        return ["-rtmp_tcurl", $"{named}/{application}", .. tls];
    }
}
