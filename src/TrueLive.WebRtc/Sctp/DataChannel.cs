using System.Text;

namespace TrueLive.WebRtc.Sctp;

/// <summary>A data channel of a peer connection (RFC 8831, RFC 8832). Its methods may be called from any thread.</summary>
public sealed class DataChannel
{
    private readonly DataChannels _owner;

    internal DataChannel(DataChannels owner, ushort streamId, string label, string protocol, bool ordered, int? maxRepeats) =>
        (_owner, StreamId, Label, Protocol, Ordered, MaxRepeats) = (owner, streamId, label, protocol, ordered, maxRepeats);

    /// <summary>Label given by the side that opened it.</summary>
    public string Label { get; }

    /// <summary>Sub-protocol; empty for none.</summary>
    public string Protocol { get; }

    /// <summary>SCTP stream.</summary>
    public ushort StreamId { get; }

    /// <summary>Messages arrive in the order sent.</summary>
    public bool Ordered { get; }

    /// <summary>Retransmissions after which a message is abandoned; null retransmits until it arrives.</summary>
    public int? MaxRepeats { get; }

    /// <summary>Messages can be sent.</summary>
    public bool IsOpen { get; internal set; }

    /// <summary>Bytes of the whole connection that are not acknowledged yet.</summary>
    public int BufferedAmount => _owner.Buffered;

    /// <summary>Called for each message with its bytes (borrowed) and whether it is text. Must return quickly.</summary>
    public DataChannelMessage? MessageReceived { get; set; }

    /// <summary>Called once when the channel closes.</summary>
    public Action? Closed { get; set; }

    /// <summary>Sends text. False when the channel is not open, the text is over 256 KiB, or the buffer is full.</summary>
    public bool Send(string text) => _owner.Send(this, Encoding.UTF8.GetBytes(text), isText: true);

    /// <summary>Sends bytes. False as for text.</summary>
    public bool Send(ReadOnlySpan<byte> data) => _owner.Send(this, data, isText: false);

    /// <summary>Sends text that is already UTF-8. False as for text.</summary>
    public bool SendText(ReadOnlySpan<byte> utf8) => _owner.Send(this, utf8, isText: true);

    /// <summary>Closes both directions.</summary>
    public void Close() => _owner.Close(this);
}

/// <summary>Takes a message of a channel.</summary>
public delegate void DataChannelMessage(DataChannel channel, ReadOnlySpan<byte> data, bool isText);
