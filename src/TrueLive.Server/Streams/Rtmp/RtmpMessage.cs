namespace TrueLive.Server.Streams.Rtmp;

/// <summary>A message of an RTMP connection.</summary>
/// <param name="Type">What it is.</param>
/// <param name="Stream">Number of the message stream; 0 is the connection itself.</param>
/// <param name="Time">Its time in ms; wraps.</param>
/// <param name="Body">Its bytes, valid until the next message is read.</param>
internal readonly record struct RtmpMessage(RtmpType Type, uint Stream, uint Time, ReadOnlyMemory<byte> Body);

/// <summary>Types of messages (Adobe's RTMP 1.0, sections 5.4 and 7.1).</summary>
internal enum RtmpType : byte
{
    SetChunkSize = 1,
    Abort = 2,
    Acknowledgement = 3,
    UserControl = 4,
    WindowSize = 5,
    PeerBandwidth = 6,
    Audio = 8,
    Video = 9,

    /// <summary>A command whose values are preceded by a byte that says AMF0 all the same.</summary>
    CommandAmf3 = 17,
    Command = 20,

    /// <summary>Several messages of sound and pictures in one.</summary>
    Aggregate = 22,
}
