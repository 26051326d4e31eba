using TrueLive.Core.Frames;
using TrueLive.WebRtc.Congestion;
using TrueLive.WebRtc.Packets;
using TrueLive.WebRtc.Rtcp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// The media of one peer (RFC 3550, RFC 4585), without sockets, threads, timers or callbacks: RTP and RTCP go in and out as bytes, frames
/// as <see cref="EncodedFrame"/>. The owner serialises all calls, calls <see cref="Tick"/> every 5 to 10 ms, and after each call takes out
/// what is to be sent and what happened.
/// </summary>
internal sealed partial class RtpSession : IDisposable
{
    private const int BufferSize = 1500;
    private const long KeyFrameInterval = 300_000;
    private const long MaxKeyFrameInterval = 1_000_000;

    private MediaPlan _plan;
    private readonly RtpSessionOptions _options;
    private readonly Clock _clock;
    private readonly PacketQueue<RtpPacketKind> _packets = new();
    private readonly MediaEvents _events = new();
    private readonly Instant _start;
    private readonly ulong _startNtp;
    private readonly AudioStream _audio;
    private VideoReceiveStream? _receive;
    private VideoSendStream? _send;
    private VideoPlan? _sendPlan;
    private CongestionControl _control;
    private readonly Pacer _pacer = new();
    private readonly Throughput _audioRate = new(1_000_000);
    private readonly uint _localSsrc;
    private ushort _transportSequence;
    private bool _needKeyFrame = true;
    private bool _keyFrameAsked;
    private Instant _keyFrameSignalled = Instant.LongAgo;
    private Instant _lastVideoAt;
    private Instant _lastFlush;
    private int _keyFrameBytes;
    private long _framesRefused;
    private long _packetsIgnored;
    private long _nacksReceived;
    private long _keyFrameRequestsReceived;

    /// <summary>Starts the media of a peer once transport is secured.</summary>
    public RtpSession(MediaPlan plan, RtpSessionOptions options, Clock clock, Instant now)
    {
        (_plan, _options, _clock, _start) = (plan, options, clock, now);
        _startNtp = NtpTime.From(clock.UtcNow);
        _receive = plan.ReceiveVideo is { } receive ? new VideoReceiveStream(receive, _events) : null;
        _sendPlan = plan.SendVideo;
        _send = _sendPlan is null ? null : new VideoSendStream(_sendPlan, _options.LowDelayPlayout);
        _audio = new AudioStream(_events);
        _audio.Update(plan.ReceiveAudio, plan.SendAudio);
        _localSsrc = _send?.Ssrc ?? plan.SendAudio?.LocalSsrc ?? plan.ReceiveVideo?.LocalSsrc ?? SdpNegotiation.NewSsrc();
        (_nextReport, _lastFlush) = (now + 50_000, now);
        _control = Control(plan.SendVideo, now);
        TargetBitrate = _options.StartBitrate;
    }

    /// <summary>Coding that <see cref="SendVideo"/> takes; null when video is not sent in this session.</summary>
    public VideoCodec? SendCodec => _plan.SendVideo is null ? null : _send?.Format.Codec;

    /// <summary>Bitrate that video may use now, bit/s.</summary>
    public int TargetBitrate { get; private set; }

    /// <summary>
    /// Follows a new agreement. Streams that go on keep all that is known of them; video that is no longer sent may come back later, with a
    /// key frame. The estimate of the path stays.
    /// </summary>
    public void Update(MediaPlan plan, Instant now)
    {
        if (_receive is null || !_receive.Follows(plan.ReceiveVideo))
        {
            _receive?.Dispose();
            _receive = plan.ReceiveVideo is { } receive ? new VideoReceiveStream(receive, _events) : null;
        }

        if (plan.SendVideo is { } send)
        {
            // Until now there was nothing to estimate by.
            if (_send is null)
                _control = Control(send, now);
            if (_send?.Ssrc != send.LocalSsrc)
            {
                _send?.Dispose();
                (_send, _sendPlan) = (new VideoSendStream(send, _options.LowDelayPlayout), send);
            }

            if (_plan.SendVideo?.LocalSsrc != send.LocalSsrc)
                _needKeyFrame = _keyFrameAsked = true;
        }

        _audio.Update(plan.ReceiveAudio, plan.SendAudio);
        _plan = plan;
    }

    /// <summary>The next packet to send, borrowed until the next call.</summary>
    public bool TryTake(out QueuedPacket<RtpPacketKind> packet) => _packets.TryTake(out packet);

    /// <summary>The next thing that happened.</summary>
    public bool TryTake(out MediaEvent happened) => _events.TryTake(out happened);

    /// <summary>Takes one decrypted RTP packet.</summary>
    public void ReceiveRtp(ReadOnlySpan<byte> packet, Instant now)
    {
        if (!RtpPacket.TryParse(packet, out var rtp))
        {
            _packetsIgnored++;
            return;
        }

        NoteArrival(rtp, now);
        if (_receive is not null && _receive.Accepts(rtp))
        {
            _receive.Receive(rtp, now, _clock.TimestampOf(now));
            FlushFeedback(now);
        }
        else if (_audio.Accepts(rtp.PayloadType))
        {
            _audio.Receive(rtp, now);
        }
        else
        {
            _packetsIgnored++;
        }
    }

    /// <summary>Takes one decrypted compound RTCP packet.</summary>
    public void ReceiveRtcp(ReadOnlySpan<byte> compound, Instant now)
    {
        while (RtcpPacket.TryRead(ref compound, out var packet))
            ReceiveRtcpPacket(packet, now);

        UpdateTarget();
        Flush(now);
    }

    /// <summary>
    /// Sends a frame. False: refused, because video is not sent here, the codec differs, a key frame must come first (it is asked for
    /// as an event), or the pacer's queue is full.
    /// </summary>
    public bool SendVideo(in EncodedFrame frame, Instant now)
    {
        if (_plan.SendVideo is null)
        {
            _framesRefused++;
            return false;
        }

        if (_send is null || (_needKeyFrame && !frame.KeyFrame))
        {
            _framesRefused++;
            AskForKeyFrame();
            SignalKeyFrame(now);
            return false;
        }

        if (!CanSendVideo(now) || !_send.Enqueue(frame, now))
        {
            // Later frames refer to the frame that is now missing.
            _framesRefused++;
            _needKeyFrame = true;
            return false;
        }

        if (frame.KeyFrame)
        {
            _needKeyFrame = _keyFrameAsked = false;
            _keyFrameBytes = frame.Data.Length;
        }

        _lastVideoAt = frame.Ticket.Arrived != 0 ? _clock.At(frame.Ticket.Arrived) : now;
        Flush(now);
        return true;
    }

    /// <summary>
    /// False while the pacer's queue is full: an encoder that skips the frame now keeps its references whole, where a refused
    /// <see cref="SendVideo"/> costs a key frame.
    /// </summary>
    public bool CanSendVideo(Instant now)
    {
        if (_send is null || _plan.SendVideo is null)
            return false;

        // A key frame may take longer than the bound; refusing the frames that refer to it would only cause another key frame.
        var bound = (long)_options.MaxQueueTime.TotalMicroseconds * (_send.KeyFrameQueued ? 4 : 1);
        return now - _send.OldestQueued(now) <= bound;
    }

    /// <summary>
    /// Sends one Opus packet, ahead of queued video. Numbers tell the receiver of gaps and order; without one the packet is the next. False
    /// when audio is not sent in this session, or the packet is too large or older than the first one.
    /// </summary>
    public bool SendAudio(ReadOnlySpan<byte> opus, uint rtpTime, Instant now, long? sequence = null, long? arrived = null)
    {
        var length = _audio.Write(_packets.Reserve(BufferSize), opus, rtpTime, sequence, _transportSequence);
        if (length == 0)
            return false;

        if (_audio.WroteNewest)
            _lastAudioAt = arrived is { } at ? _clock.At(at) : now;
        _audioRate.Add(now.Microseconds, length);
        Transmit(length, _plan.SendAudio!.Extensions, probe: false, now);
        return true;
    }

    /// <summary>Asks the far side for a key frame; requests are merged and limited to one per 200 ms or round trip.</summary>
    public void RequestKeyFrame(Instant now)
    {
        _receive?.WantKeyFrame();
        FlushFeedback(now);
    }

    /// <summary>Sends what is due: paced packets, feedback, reports.</summary>
    public void Tick(Instant now)
    {
        _receive?.Tick(RoundTrip, now);
        FlushFeedback(now);
        SendTransportFeedbackIfDue(now);
        _control.Tick(RoundTrip, now);
        UpdateTarget();
        SendReportIfDue(now);
        SignalKeyFrame(now);
        Flush(now);
    }

    /// <summary>Tells the far side that our streams end.</summary>
    public void SendBye(Instant now)
    {
        var writer = new RtcpWriter(_packets.Reserve(BufferSize));
        WriteReport(ref writer, now);
        writer.Bye(_localSsrc);
        _packets.Commit(RtpPacketKind.Rtcp, writer.Length);
    }

    /// <summary>Counters and estimates as of <paramref name="now"/>.</summary>
    public RtpSessionStats Stats(Instant now) => new()
    {
        RoundTrip = RoundTrip > 0 ? TimeSpan.FromMicroseconds(RoundTrip) : null,
        SendLoss = _sendLoss,
        EstimatedBitrate = _control.Target,
        BottleneckDelay = TimeSpan.FromMicroseconds(_control.QueueDelay),
        TargetBitrate = TargetBitrate,
        PacerDelay = TimeSpan.FromMicroseconds(_send is null ? 0 : now - _send.OldestQueued(now)),
        FramesReceived = _receive?.Frames ?? 0,
        FramesDropped = _receive?.FramesDropped ?? 0,
        VideoPacketsReceived = _receive?.Statistics.Received ?? 0,
        VideoBytesReceived = _receive?.Bytes ?? 0,
        VideoPacketsLost = _receive?.Statistics.Lost ?? 0,
        PacketsRepaired = _receive?.Repaired ?? 0,
        NacksSent = _receive?.NacksSent ?? 0,
        KeyFrameRequestsSent = _receive?.KeyFrameRequests ?? 0,
        FramesSent = _send?.FramesQueued ?? 0,
        FramesDroppedUnsent = _send?.FramesDropped ?? 0,
        FramesRefused = _framesRefused,
        VideoPacketsSent = _send?.PacketsSent ?? 0,
        VideoBytesSent = _send?.PayloadBytesSent ?? 0,
        PacketsRetransmitted = _send?.Retransmitted ?? 0,
        NacksReceived = _nacksReceived,
        KeyFrameRequestsReceived = _keyFrameRequestsReceived,
        PacketsIgnored = _packetsIgnored,
        VideoSenderReport = _receive?.Statistics.LastSenderReport,
        AudioSenderReport = _audio.Statistics.LastSenderReport,
        AudioPacketsReceived = _audio.Statistics.Received,
        AudioPacketsSent = _audio.PacketsSent,
        EventsDropped = _events.Dropped,
    };

    /// <summary>Returns pooled buffers. No call may follow.</summary>
    public void Dispose()
    {
        _receive?.Dispose();
        _send?.Dispose();
        while (_events.TryTake(out var left))
            left.Release();
    }
}
