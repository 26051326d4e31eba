namespace TrueLive.WebRtc.Rtp;

/// <summary>What an outgoing packet is.</summary>
internal enum RtpPacketKind : byte
{
    /// <summary>RTP, to be protected.</summary>
    Rtp,

    /// <summary>Compound RTCP, to be protected.</summary>
    Rtcp,

    /// <summary>
    /// Two bytes, the sequence number of a packet of the video stream that goes out again bit for bit; only where no retransmission stream
    /// was agreed on.
    /// </summary>
    Repeat,
}
