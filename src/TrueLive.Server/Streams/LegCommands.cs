using System.Globalization;
using System.Net;
using TrueLive.Core.Tiers;
using TrueLive.Media.Files;

namespace TrueLive.Server.Streams;

/// <summary>
/// What ffmpeg is told for each way in and out. Each child may use the protocols and formats of its own way and no others; sizes of the
/// search for a stream's head are those that were measured to be enough (a larger one only delays the first picture).
/// </summary>
internal static class LegCommands
{
    private const string Authorities = "/etc/ssl/certs/ca-certificates.crt";

    // Microseconds that a far side may say nothing.
    private const string Silence = "10000000";

    private static readonly string[] Quick = ["-probesize", "32768", "-analyzeduration", "0"];
    private static readonly string[] Looped = ["-stream_loop", "-1"];
    private static readonly string[] Raw = ["-map", "0:v", "-c:v", "rawvideo", "-pix_fmt", "yuv420p"];

    // Sound is Opus here, which few containers and no broadcaster take. Its times are those of its arrival: corrected by a little more or
    // less speed, and by silence where packets are missing.
    private static readonly string[] Copied =
        ["-map", "0:v", "-map", "0:a", "-c:v", "copy", "-c:a", "aac", "-b:a", "128k",
            "-af", "aresample=async=1000:min_hard_comp=0.03", "-flush_packets", "1"];
    private static readonly string[] Datagrams = ["-muxdelay", "0", "-muxpreload", "0", "-f", "mpegts"];
    private static readonly string[] Wider = ["-probesize", "500000", "-analyzeduration", "300000"];

    /// <summary>The arguments of a source.</summary>
    /// <param name="place">Where it is.</param>
    /// <param name="loop">For a file: begin again at its end.</param>
    public static string[] Source(StreamPlace place, bool loop) => ["-flags", "low_delay", .. Input(place, loop)];

    private static string[] Input(StreamPlace place, bool loop) => place.Address.Kind switch
    {
        StreamKind.Rtsp =>
            [.. Only("tcp,rtsp", "rtsp,rtp"), "-rtsp_transport", "tcp", "-timeout", Silence, .. Wider, "-i", place.Url],
        StreamKind.Rtmp =>
            [.. Only("rtmp,rtmps,tls,tcp", "flv,live_flv"), .. Rtmp(place), "-rw_timeout", Silence, .. Quick, "-i", place.Url],
        StreamKind.Srt => [.. Only("srt", "mpegts"), "-timeout", Silence, .. Wider, "-f", "mpegts", "-i", place.Url],
        StreamKind.SrtListen => [.. Only("srt", "mpegts"), .. Wider, "-f", "mpegts", "-i", place.Url],
        StreamKind.Http => [.. Only("pipe", "mpegts,flv"), .. Wider, "-i", "pipe:0"],
        StreamKind.RtmpListen => [.. Only("pipe", "flv"), .. Wider, "-f", "flv", "-i", "pipe:0"],
        // Whole segments come at once: read at their own pace, or only the last picture of each would be seen.
        StreamKind.Hls => ["-re", .. Only("pipe", "mpegts,mov,mp4,m4a,3gp,3g2,mj2"), .. Wider, "-i", "pipe:0"],
        StreamKind.File =>
            ["-re", .. loop ? Looped : [], .. Only("file", FfmpegChild.Formats), "-i", "file:" + place.File],
        StreamKind.Device => [.. Only("file", "video4linux2,v4l2"), "-f", "v4l2", "-i", place.File!],
        _ => throw new ArgumentException($"{place.Address.Kind} is no source."),
    };

    /// <summary>The arguments of an output, whose coded pictures and sound come as Matroska through its standard input.</summary>
    /// <param name="place">Where they go.</param>
    /// <param name="keyframes">Time between key frames.</param>
    /// <param name="sourceType">What it says of how the pictures were made; null for nothing.</param>
    public static string[] Output(StreamPlace place, TimeSpan keyframes, string? sourceType) =>
    [
        "-loglevel", "level+error", "-progress", "pipe:1", "-stats_period", "0.5", "-nostats",
        .. Only("pipe", "matroska,webm"), "-probesize", "32", "-analyzeduration", "0", "-fpsprobesize", "0", "-f", "matroska", "-i", "pipe:0",
        .. place.Address.Kind == StreamKind.Device ? Raw : Copied,
        .. sourceType is null ? Array.Empty<string>() : ["-metadata", $"{AiMark.Tag}={sourceType}"], .. Target(place, keyframes),
    ];

    /// <summary>What the child of a place reaches.</summary>
    public static ChildReach Reach(StreamPlace place, bool output) => new(
        place.At is not null && (output || place.Address.Kind is not (StreamKind.Http or StreamKind.Hls or StreamKind.RtmpListen)),
        place.Address.Kind == StreamKind.Device ? place.File : null, Narrow: output);

    private static string[] Target(StreamPlace place, TimeSpan keyframes) => place.Address.Kind switch
    {
        StreamKind.Rtmp => [.. Rtmp(place), "-flvflags", "no_duration_filesize", "-rw_timeout", Silence, "-f", "flv", place.Url],
        StreamKind.Srt or StreamKind.SrtListen =>
            [.. Datagrams, $"{place.Url}{(place.Url.Contains('?', StringComparison.Ordinal) ? '&' : '?')}pkt_size=1316"],
        StreamKind.Udp => [.. Datagrams, $"udp://{new IPEndPoint(place.At!, place.Address.Port)}?pkt_size=1316"],
        // A fragment for each key frame: what is on disk can be played whatever ends the recording.
        StreamKind.File =>
            ["-f", "mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof+use_metadata_tags",
            "file:" + place.File],
        StreamKind.Hls =>
        [
            "-f", "hls", "-hls_time", keyframes.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture), "-hls_list_size", "6",
            "-hls_flags", "delete_segments+independent_segments+temp_file",
            "-hls_segment_filename", HlsFolder.SegmentPattern, HlsFolder.Playlist,
        ],
        StreamKind.Device => ["-f", "v4l2", place.File!],
        _ => throw new ArgumentException($"{place.Address.Kind} is no output."),
    };

    private static string[] Only(string protocols, string formats) => ["-protocol_whitelist", protocols, "-format_whitelist", formats];

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
