namespace TrueLive.WebRtc.Rtp;

/// <summary>Settings of one peer's media.</summary>
public sealed record RtpSessionOptions
{
    /// <summary>Send bitrate assumed before the path is known, bit/s.</summary>
    public int StartBitrate { get; init; } = 1_500_000;

    /// <summary>Floor of the send bitrate, bit/s.</summary>
    public int MinBitrate { get; init; } = 100_000;

    /// <summary>Ceiling of the send bitrate, bit/s.</summary>
    public int MaxBitrate { get; init; } = 6_000_000;

    /// <summary>Asks the receiver to show each frame at once (playout-delay 0/0).</summary>
    public bool LowDelayPlayout { get; init; } = true;

    /// <summary>Longest time a packet waits in the pacer before new frames are refused. 50 ms to 1 s.</summary>
    public TimeSpan MaxQueueTime { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Spreads the times of reports; a simulated call brings its own, so that it can be repeated.</summary>
    internal Random Random { get; init; } = Random.Shared;
}

/// <summary>One moment on two clocks of a sender (RFC 3550 section 6.4.1): streams of one sender are played together by it.</summary>
/// <param name="NtpTime">Seconds since 1900, 32.32 fixed point.</param>
/// <param name="RtpTime">RTP time of the stream.</param>
public readonly record struct SenderReport(ulong NtpTime, uint RtpTime);

/// <summary>Counters of a session since its start; an immutable snapshot.</summary>
public sealed record RtpSessionStats
{
    /// <summary>Round trip; null before the first measurement.</summary>
    public TimeSpan? RoundTrip { get; init; }

    /// <summary>Share of our packets that the far side lost lately, 0 to 1.</summary>
    public double SendLoss { get; init; }

    /// <summary>Bitrate that video may use now, bit/s.</summary>
    public int TargetBitrate { get; init; }

    /// <summary>Estimated capacity of the path for all packets of this session, bit/s.</summary>
    public int EstimatedBitrate { get; init; }

    /// <summary>Estimated time that our packets wait in the queue of the path's bottleneck.</summary>
    public TimeSpan BottleneckDelay { get; init; }

    /// <summary>Time that the head of the pacer's queue has waited.</summary>
    public TimeSpan PacerDelay { get; init; }

    /// <summary>Whole frames received.</summary>
    public long FramesReceived { get; init; }

    /// <summary>Frames given up because of loss, or unreadable.</summary>
    public long FramesDropped { get; init; }

    /// <summary>RTP packets of the received video stream, retransmissions excluded.</summary>
    public long VideoPacketsReceived { get; init; }

    /// <summary>Payload bytes of received video.</summary>
    public long VideoBytesReceived { get; init; }

    /// <summary>Video packets missing, by sequence numbers.</summary>
    public long VideoPacketsLost { get; init; }

    /// <summary>Missing packets that were repaired by retransmission, without bandwidth probes and duplicates.</summary>
    public long PacketsRepaired { get; init; }

    /// <summary>Packets asked for by NACK, repeats counted.</summary>
    public long NacksSent { get; init; }

    /// <summary>Key frames asked for.</summary>
    public long KeyFrameRequestsSent { get; init; }

    /// <summary>Frames queued for sending.</summary>
    public long FramesSent { get; init; }

    /// <summary>Frames removed from the pacer's queue because a key frame followed.</summary>
    public long FramesDroppedUnsent { get; init; }

    /// <summary>Frames refused: pacer full, waiting for a key frame, or wrong codec.</summary>
    public long FramesRefused { get; init; }

    /// <summary>Video packets sent, retransmissions excluded.</summary>
    public long VideoPacketsSent { get; init; }

    /// <summary>Payload bytes of video sent, retransmissions excluded.</summary>
    public long VideoBytesSent { get; init; }

    /// <summary>Packets sent again.</summary>
    public long PacketsRetransmitted { get; init; }

    /// <summary>Packets that the far side asked for again.</summary>
    public long NacksReceived { get; init; }

    /// <summary>Key frame requests of the far side (PLI and FIR).</summary>
    public long KeyFrameRequestsReceived { get; init; }

    /// <summary>Packets that were malformed or belonged to no stream of the session.</summary>
    public long PacketsIgnored { get; init; }

    /// <summary>The far side's latest sender report for its video; null before the first.</summary>
    public SenderReport? VideoSenderReport { get; init; }

    /// <summary>The far side's latest sender report for its audio; null before the first.</summary>
    public SenderReport? AudioSenderReport { get; init; }

    /// <summary>Opus packets received.</summary>
    public long AudioPacketsReceived { get; init; }

    /// <summary>Frames and packets of sound that the owner of the session did not take in time.</summary>
    public long EventsDropped { get; init; }

    /// <summary>Opus packets sent.</summary>
    public long AudioPacketsSent { get; init; }
}
