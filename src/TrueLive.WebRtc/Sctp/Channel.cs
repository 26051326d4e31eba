namespace TrueLive.WebRtc.Sctp;

/// <summary>A data channel (RFC 8831, RFC 8832) as its connection keeps it.</summary>
internal sealed class Channel(ushort streamId, string label, string protocol, bool ordered, int? maxRepeats)
{
    /// <summary>SCTP stream.</summary>
    public ushort StreamId => streamId;

    /// <summary>Label given by the side that opened it.</summary>
    public string Label => label;

    /// <summary>Sub-protocol; empty for none.</summary>
    public string Protocol => protocol;

    /// <summary>Messages arrive in the order sent.</summary>
    public bool Ordered => ordered;

    /// <summary>Retransmissions after which a message is abandoned; null retransmits until it arrives.</summary>
    public int? MaxRepeats => maxRepeats;

    /// <summary>Messages can be sent. May be read by any thread.</summary>
    public bool IsOpen { get; set; }
}

/// <summary>What happened to a channel.</summary>
internal enum ChannelEventKind : byte
{
    /// <summary>It can be used.</summary>
    Opened,

    /// <summary>A message came.</summary>
    Message,

    /// <summary>It is over.</summary>
    Closed,
}

/// <summary>One event of a channel; a message has its bytes, and whether they are text.</summary>
internal readonly record struct ChannelEvent(ChannelEventKind Kind, Channel Channel, byte[]? Data = null, bool IsText = false);
