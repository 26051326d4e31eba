using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sctp;

namespace TrueLive.WebRtc;

/// <summary>The side towards the owner: what happened is told after unlocking, on threads of the endpoint.</summary>
public sealed partial class RtcPeer
{
    private readonly Dictionary<Channel, DataChannel> _channels = [];
    private volatile PeerHandlers _handlers = new();
    private int _deliveries;

    /// <summary>
    /// Tells the owner what happened. One thread at a time does, in the order of events; one that finds another at it leaves its events to
    /// that one.
    /// </summary>
    internal void Deliver()
    {
        if (Interlocked.Increment(ref _deliveries) != 1)
            return;
        int seen;
        do
        {
            seen = Volatile.Read(ref _deliveries);
            while (DeliverNext())
            {
            }
        }
        while (Interlocked.Add(ref _deliveries, -seen) != 0);
    }

    private bool DeliverNext()
    {
        MediaEvent media;
        ChannelEvent channel = default;
        DataChannel? of = null;
        bool isMedia;
        lock (_gate)
        {
            if (_connection is not { } connection)
                return false;
            isMedia = connection.TryTake(out media);
            if (!isMedia)
            {
                if (!connection.TryTake(out channel))
                    return false;
                of = ChannelOf(channel.Channel);
                if (channel.Kind == ChannelEventKind.Closed)
                    _channels.Remove(channel.Channel);
            }
        }
        try
        {
            if (isMedia)
                Tell(media);
            else
                Tell(channel, of!);
        }
        catch (Exception error)
        {
            // The thread serves all connections: a fault of an owner ends only the owner's connection.
            Fail(error);
        }
        return true;
    }

    private void Tell(in MediaEvent happened)
    {
        var handlers = _handlers;
        try
        {
            switch (happened.Kind)
            {
                case MediaEventKind.Frame:
                    handlers.VideoReceived?.Invoke(happened.Frame);
                    break;
                case MediaEventKind.Sound:
                    handlers.AudioReceived?.Invoke(happened.Sound);
                    break;
                case MediaEventKind.FrameSent:
                    handlers.FrameSent?.Invoke(happened.Ticket, happened.Took);
                    break;
                case MediaEventKind.KeyFrameWanted:
                    handlers.KeyFrameRequested?.Invoke();
                    break;
            }
        }
        finally
        {
            happened.Release();
        }
    }

    private void Tell(in ChannelEvent happened, DataChannel channel)
    {
        switch (happened.Kind)
        {
            case ChannelEventKind.Opened:
                _handlers.ChannelOpened?.Invoke(channel);
                break;
            case ChannelEventKind.Message:
                channel.MessageReceived?.Invoke(channel, happened.Data, happened.IsText);
                break;
            case ChannelEventKind.Closed:
                channel.Closed?.Invoke();
                break;
        }
    }

    private DataChannel ChannelOf(Channel channel)
    {
        if (!_channels.TryGetValue(channel, out var known))
            _channels[channel] = known = new DataChannel(this, channel);
        return known;
    }
}
