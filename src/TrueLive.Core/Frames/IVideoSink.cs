namespace TrueLive.Core.Frames;

/// <summary>Where finished frames go: a peer connection, a WebSocket, a file. Called by one thread at a time.</summary>
public interface IVideoSink
{
    /// <summary>
    /// Encodes and sends one frame. The caller keeps ownership of the picture. Returns false when the sink dropped the frame (nobody
    /// connected, or the link cannot take it now); a sink never queues frames.
    /// </summary>
    ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel);
}
