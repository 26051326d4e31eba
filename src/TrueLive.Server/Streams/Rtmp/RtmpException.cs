namespace TrueLive.Server.Streams.Rtmp;

/// <summary>A publisher broke the protocol, sent what is not taken, or is gone.</summary>
/// <param name="message">For people; never holds a stream key.</param>
internal sealed class RtmpException(string message) : IOException(message);
