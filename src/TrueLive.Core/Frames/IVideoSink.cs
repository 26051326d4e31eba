namespace TrueLive.Core.Frames;

/// <summary>Where finished frames go: a peer connection, a WebSocket, a file. Called by one thread at a time.</summary>
public interface IVideoSink
{
    /// <summary>
    /// Encodes and sends one frame. The picture stays the caller's. Returns false when the sink let the frame go (nobody connected,
    /// or the link cannot take it now); a sink never queues frames.
    /// </summary>
    ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel);
}
