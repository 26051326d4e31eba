using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>A client that is not a peer connection gets its pictures its own way, and the session's viewers get theirs.</summary>
internal sealed class BroadcastSink(IVideoSink client, VideoBroadcaster viewers) : IVideoSink
{
    /// <inheritdoc/>
    public ValueTask<bool> WriteAsync(VideoFrame frame, Provenance provenance, CancellationToken cancel)
    {
        viewers.Write(frame, provenance);
        return client.WriteAsync(frame, provenance, cancel);
    }
}
