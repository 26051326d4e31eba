using TrueLive.Core.Frames;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>Sends pictures to a client that is not a WebRTC peer, and through the broadcaster to the session's viewers.</summary>
internal sealed class BroadcastSink(IVideoSink client, VideoBroadcaster viewers) : IVideoSink
{
    /// <inheritdoc/>
    public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
    {
        viewers.Write(made);
        return client.WriteAsync(made, cancel);
    }
}
