namespace TrueLive.Media.Streams;

/// <summary>The ways in and out of a stream.</summary>
internal enum StreamKind : byte
{
    /// <summary>A camera that is asked for its picture, or a server that it is pushed to (<c>rtsp://</c>).</summary>
    Rtsp,

    /// <summary>A server of streams (<c>rtmp://</c>, <c>rtmps://</c>).</summary>
    Rtmp,

    /// <summary>RTMP on a port of ours (<c>rtmp://:port/app/key?mode=listener</c>).</summary>
    RtmpListen,

    /// <summary>SRT, called by us (<c>srt://host:port</c>).</summary>
    Srt,

    /// <summary>SRT on a port of ours (<c>srt://:port?mode=listener</c>).</summary>
    SrtListen,

    /// <summary>MPEG-TS in datagrams (<c>udp://host:port</c>).</summary>
    Udp,

    /// <summary>MPEG-TS or FLV as one endless answer (<c>http://</c>, <c>https://</c>).</summary>
    Http,

    /// <summary>HLS: as a source an address that ends in <c>.m3u8</c>, as an output the word <c>hls</c>.</summary>
    Hls,

    /// <summary>A file (<c>file:NAME</c>).</summary>
    File,

    /// <summary>A camera or virtual webcam of this machine (<c>/dev/video0</c>).</summary>
    Device,
}
