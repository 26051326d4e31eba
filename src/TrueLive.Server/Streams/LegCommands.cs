using TrueLive.Core.Tiers;
using TrueLive.Media.Files;

namespace TrueLive.Server.Streams;

/// <summary>
/// What ffmpeg is told for each way in and out, of which <see cref="StreamArguments"/> has those over a network.
/// </summary>
internal static class LegCommands
{
    private static readonly string[] Looped = ["-stream_loop", "-1"];
    private static readonly string[] Raw = ["-map", "0:v", "-c:v", "rawvideo", "-pix_fmt", "yuv420p"];

    // Sound is Opus here, which few containers and no broadcaster take. Its times are those of its arrival: corrected by a little more or
    // less speed, and by silence where packets are missing.
    private static readonly string[] Copied =
        ["-map", "0:v", "-map", "0:a", "-c:v", "copy", "-c:a", "aac", "-b:a", "128k",
            "-af", "aresample=async=1000:min_hard_comp=0.03", "-flush_packets", "1"];

    /// <summary>The arguments of a source.</summary>
    /// <param name="place">Where it is.</param>
    /// <param name="loop">For a file: begin again at its end.</param>
    public static string[] Source(StreamPlace place, bool loop) => ["-flags", "low_delay", .. Input(place, loop)];

    private static string[] Input(StreamPlace place, bool loop) => place.Address.Kind switch
    {
        StreamKind.Rtsp or StreamKind.Rtmp or StreamKind.Srt or StreamKind.SrtListen or StreamKind.Hls => StreamArguments.Input(place),
        StreamKind.Http => [.. StreamArguments.Only("pipe", "mpegts,flv"), .. StreamArguments.Wider, "-i", "pipe:0"],
        StreamKind.RtmpListen => [.. StreamArguments.Only("pipe", "flv"), .. StreamArguments.Wider, "-f", "flv", "-i", "pipe:0"],
        StreamKind.File =>
            ["-re", .. loop ? Looped : [], .. StreamArguments.Only("file", FfmpegChild.Formats), "-i", "file:" + place.File],
        StreamKind.Device => [.. StreamArguments.Only("file", "video4linux2,v4l2"), "-f", "v4l2", "-i", place.File!],
        _ => throw new ArgumentException($"{place.Address.Kind} is no source."),
    };

    /// <summary>The arguments of an output, whose coded pictures and sound come as Matroska through its standard input.</summary>
    /// <param name="place">Where they go.</param>
    /// <param name="sourceType">What it says of how the pictures were made; null for nothing.</param>
    public static string[] Output(StreamPlace place, string? sourceType) =>
    [
        "-loglevel", "level+error", "-nostats",
        // HLS comes out of it where the others tell how far they are.
        .. place.Address.Kind == StreamKind.Hls ? Array.Empty<string>() : ["-progress", "pipe:1", "-stats_period", "0.5"],
        .. StreamArguments.Fed,
        .. place.Address.Kind == StreamKind.Device ? Raw : Copied,
        .. sourceType is null ? Array.Empty<string>() : ["-metadata", $"{AiMark.Tag}={sourceType}"], .. Target(place),
    ];

    /// <summary>What the child of a place reaches.</summary>
    public static ChildReach Reach(StreamPlace place, bool output) => new(
        place.At is not null && (output || place.Address.Kind is not (StreamKind.Http or StreamKind.Hls or StreamKind.RtmpListen)),
        place.Address.Kind == StreamKind.Device ? place.File : null, Narrow: output);

    private static string[] Target(StreamPlace place) => place.Address.Kind switch
    {
        StreamKind.Rtmp or StreamKind.Srt or StreamKind.SrtListen or StreamKind.Udp => StreamArguments.Output(place),
        // A fragment for each key frame: what is on disk can be played whatever ends the recording.
        StreamKind.File =>
            ["-f", "mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof+use_metadata_tags",
            "file:" + place.File],
        StreamKind.Hls =>
            ["-flvflags", "no_duration_filesize+no_sequence_end", "-f", "flv", "pipe:1"],
        StreamKind.Device => ["-f", "v4l2", place.File!],
        _ => throw new ArgumentException($"{place.Address.Kind} is no output."),
    };
}
