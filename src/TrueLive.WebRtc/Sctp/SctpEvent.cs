namespace TrueLive.WebRtc.Sctp;

/// <summary>What happened in an association.</summary>
internal enum SctpEventKind : byte
{
    /// <summary>Data may be sent from now on.</summary>
    Established,

    /// <summary>A whole message came.</summary>
    Message,

    /// <summary>The peer has closed its side of a stream.</summary>
    StreamReset,

    /// <summary>The association is over.</summary>
    Ended,
}

/// <summary>One event of an association; a message has its payload protocol and bytes.</summary>
internal readonly record struct SctpEvent(SctpEventKind Kind, ushort Stream = 0, uint Protocol = 0, byte[]? Data = null);
