using System.Text;
using TrueLive.WebRtc.Sctp;

namespace TrueLive.WebRtc;

/// <summary>A data channel of a connection (RFC 8831, RFC 8832). Its methods may be called from any thread.</summary>
public sealed class DataChannel
{
    /// <summary>Largest message either way, in bytes.</summary>
    public const int MaxMessage = SctpAssociation.MaxMessage;

    private readonly RtcPeer _peer;
    private readonly Channel _channel;

    internal DataChannel(RtcPeer peer, Channel channel) => (_peer, _channel) = (peer, channel);

    /// <summary>Label given by the side that opened it.</summary>
    public string Label => _channel.Label;

    /// <summary>Sub-protocol; empty for none.</summary>
    public string Protocol => _channel.Protocol;

    /// <summary>Messages can be sent.</summary>
    public bool IsOpen => _channel.IsOpen;

    /// <summary>Bytes of the whole connection that are not acknowledged yet.</summary>
    public int BufferedAmount => _peer.Buffered;

    /// <summary>
    /// Called for each message with its bytes (borrowed) and whether it is text, as the <see cref="PeerHandlers"/> are.
    /// </summary>
    public DataChannelMessage? MessageReceived { get; set; }

    /// <summary>Called once when the channel closes.</summary>
    public Action? Closed { get; set; }

    /// <summary>Sends text. False when the channel is not open, the text is over 256 KiB, or the buffer is full.</summary>
    public bool Send(string text) => _peer.Send(_channel, Encoding.UTF8.GetBytes(text), isText: true);

    /// <summary>Sends bytes. False as for text.</summary>
    public bool Send(ReadOnlySpan<byte> data) => _peer.Send(_channel, data, isText: false);

    /// <summary>Sends text that is already UTF-8. False as for text.</summary>
    public bool SendText(ReadOnlySpan<byte> utf8) => _peer.Send(_channel, utf8, isText: true);

    /// <summary>Closes both directions.</summary>
    public void Close() => _peer.Close(_channel);
}

/// <summary>Takes a message of a channel.</summary>
public delegate void DataChannelMessage(DataChannel channel, ReadOnlySpan<byte> data, bool isText);
