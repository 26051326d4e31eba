using TrueLive.Core.Frames;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>A client that is not a peer connection gets its pictures its own way, and the session's viewers get theirs.</summary>
internal sealed class BroadcastSink(IVideoSink client, VideoBroadcaster viewers) : IVideoSink
{
    /// <inheritdoc/>
    public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
    {
        viewers.Write(made);
        return client.WriteAsync(made, cancel);
    }
}
