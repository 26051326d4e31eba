using TrueLive.Core.Frames;
using TrueLive.WebRtc.Congestion;
using TrueLive.WebRtc.Rtcp;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// The media of one peer (RFC 3550, RFC 4585), without sockets, threads or timers: RTP and RTCP go in and out as bytes, frames as
/// <see cref="EncodedFrame"/>. The owner serialises all calls and calls <see cref="Tick"/> every 5 to 10 ms. Every <c>now</c> is
/// <see cref="TimeProvider.GetTimestamp"/> of the time provider given.
/// </summary>
public sealed partial class RtpSession : IDisposable
{
    /// <summary>Free bytes behind every packet handed to <see cref="RtpOut"/>.</summary>
    public const int Headroom = 32;
    private const int BufferSize = 1500;
    private const long KeyFrameInterval = 300_000;
    private const long MaxKeyFrameInterval = 1_000_000;

    private readonly MediaPlan _plan;
    private readonly RtpSessionCallbacks _callbacks;
    private readonly RtpSessionOptions _options;
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly ulong _startNtp;
    private readonly VideoReceiveStream? _receive;
    private readonly VideoSendStream? _send;
    private readonly AudioStream? _audio;
    private readonly CongestionControl _control;
    private readonly Pacer _pacer = new();
    private readonly Throughput _audioRate = new(1_000_000);
    private readonly uint _localSsrc;
    private readonly byte[] _buffer = new byte[BufferSize + Headroom];
    private ushort _transportSequence;
    private bool _needKeyFrame = true;
    private bool _keyFrameAsked;
    private long _keyFrameSignalled = long.MinValue / 2;
    private long _lastVideoAt;
    private long _lastFlush;
    private int _keyFrameBytes;
    private long _framesRefused;
    private long _packetsIgnored;
    private long _nacksReceived;
    private long _keyFrameRequestsReceived;

    /// <summary>Starts the media of a peer once transport is secured.</summary>
    public RtpSession(MediaPlan plan, RtpSessionCallbacks callbacks, TimeProvider time, RtpSessionOptions? options = null)
    {
        _plan = plan;
        _callbacks = callbacks;
        _options = options ?? new RtpSessionOptions();
        _time = time;
        _start = time.GetTimestamp();
        _startNtp = NtpTime.From(time.GetUtcNow());
        _receive = plan.ReceiveVideo is { } receive ? new VideoReceiveStream(receive, callbacks.VideoReceived) : null;
        _send = plan.SendVideo is { } send ? new VideoSendStream(send, _options.LowDelayPlayout) : null;
        _audio = plan.Audio is { } audio ? new AudioStream(audio, callbacks.AudioReceived) : null;
        _localSsrc = _send?.Ssrc ?? _audio?.LocalSsrc ?? plan.ReceiveVideo?.LocalSsrc ?? SdpNegotiation.NewSsrc();
        _nextReport = 50_000;
        _control = new CongestionControl(_options.StartBitrate, _options.MinBitrate, _options.MaxBitrate, plan.SendVideo is { Feedback.TransportCc: true, Extensions.TransportSequence: not 0 });
        TargetBitrate = _options.StartBitrate;
    }

    /// <summary>Coding that <see cref="SendVideo"/> takes; null when video is not sent in this session.</summary>
    public VideoCodec? SendCodec => _send?.Format.Codec;

    /// <summary>Bitrate that video may use now, bit/s.</summary>
    public int TargetBitrate { get; private set; }

    /// <summary>Takes one decrypted RTP packet.</summary>
    public void ReceiveRtp(ReadOnlySpan<byte> packet, long now)
    {
        var micros = Micros(now);
        if (!RtpPacket.TryParse(packet, out var rtp))
        {
            _packetsIgnored++;
            return;
        }

        NoteArrival(rtp, micros);
        if (_receive is not null && _receive.Accepts(rtp))
        {
            _receive.Receive(rtp, micros, now);
            FlushFeedback(micros);
        }
        else if (_audio is not null && _audio.Accepts(rtp.PayloadType))
        {
            _audio.Receive(rtp, micros);
        }
        else
        {
            _packetsIgnored++;
        }
    }

    /// <summary>Takes one decrypted compound RTCP packet.</summary>
    public void ReceiveRtcp(ReadOnlySpan<byte> compound, long now)
    {
        var micros = Micros(now);
        while (RtcpPacket.TryRead(ref compound, out var packet))
            ReceiveRtcpPacket(packet, micros);

        UpdateTarget();
        Flush(micros);
    }

    /// <summary>
    /// Sends a frame. False: refused, because video is not sent here, the codec differs, a key frame must come first (it is asked for
    /// through the callback), or the pacer's queue is full.
    /// </summary>
    public bool SendVideo(in EncodedFrame frame, long now)
    {
        var micros = Micros(now);
        if (_send is null || (_needKeyFrame && !frame.KeyFrame))
        {
            _framesRefused++;
            AskForKeyFrame();
            SignalKeyFrame(micros);
            return false;
        }

        if (!CanSendVideo(now) || !_send.Enqueue(frame, micros))
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

        _lastVideoAt = frame.Ticket.Arrived != 0 ? Micros(frame.Ticket.Arrived) : micros;
        Flush(micros);
        return true;
    }

    /// <summary>
    /// False while the pacer's queue is full: an encoder that skips the frame now keeps its references whole, where a refused
    /// <see cref="SendVideo"/> costs a key frame.
    /// </summary>
    public bool CanSendVideo(long now)
    {
        if (_send is null)
            return false;

        // A key frame may take longer than the bound; refusing the frames that refer to it would only cause another key frame.
        var micros = Micros(now);
        var bound = (long)_options.MaxQueueTime.TotalMicroseconds * (_send.KeyFrameQueued ? 4 : 1);
        return micros - _send.OldestQueued(micros) <= bound;
    }

    /// <summary>
    /// Sends one Opus packet, ahead of queued video. Numbers tell the receiver of gaps and order; without one the packet is the next. False
    /// when audio is not sent in this session, or the packet is too large or older than the first one.
    /// </summary>
    public bool SendAudio(ReadOnlySpan<byte> opus, uint rtpTime, long now, long? sequence = null)
    {
        var length = _audio?.Write(_buffer, opus, rtpTime, sequence, _transportSequence) ?? 0;
        if (length == 0)
            return false;

        var micros = Micros(now);
        _lastAudioAt = _audio!.WroteNewest ? micros : _lastAudioAt;
        _audioRate.Add(micros, length);
        Transmit(length, _plan.Audio!.Extensions, probe: false, micros);
        return true;
    }

    /// <summary>Asks the far side for a key frame; requests are merged and limited to one per 200 ms or round trip.</summary>
    public void RequestKeyFrame(long now)
    {
        _receive?.WantKeyFrame();
        FlushFeedback(Micros(now));
    }

    /// <summary>Sends what is due: paced packets, feedback, reports.</summary>
    public void Tick(long now)
    {
        var micros = Micros(now);
        _receive?.Tick(RoundTrip, micros);
        FlushFeedback(micros);
        SendTransportFeedbackIfDue(micros);
        _control.Tick(RoundTrip, micros);
        UpdateTarget();
        SendReportIfDue(micros);
        SignalKeyFrame(micros);
        Flush(micros);
    }

    /// <summary>Tells the far side that our streams end.</summary>
    public void SendBye(long now)
    {
        var writer = new RtcpWriter(_buffer.AsSpan(0, BufferSize));
        WriteReport(ref writer, Micros(now));
        writer.Bye(_localSsrc);
        _callbacks.SendRtcp(_buffer, writer.Length);
    }

    /// <summary>Counters and estimates as of <paramref name="now"/>.</summary>
    public RtpSessionStats Stats(long now) => new()
    {
        RoundTrip = RoundTrip > 0 ? TimeSpan.FromMicroseconds(RoundTrip) : null,
        SendLoss = _sendLoss,
        EstimatedBitrate = _control.Target,
        BottleneckDelay = TimeSpan.FromMicroseconds(_control.QueueDelay),
        TargetBitrate = TargetBitrate,
        PacerDelay = TimeSpan.FromMicroseconds(_send is null ? 0 : Micros(now) - _send.OldestQueued(Micros(now))),
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
        AudioSenderReport = _audio?.Statistics.LastSenderReport,
        AudioPacketsReceived = _audio?.Statistics.Received ?? 0,
        AudioPacketsSent = _audio?.PacketsSent ?? 0,
    };

    /// <summary>Returns pooled buffers. No call may follow.</summary>
    public void Dispose()
    {
        _receive?.Dispose();
        _send?.Dispose();
    }

    private long Micros(long now) => (long)((Int128)(now - _start) * 1_000_000 / _time.TimestampFrequency);

    private void Flush(long now)
    {
        if (_send is not { } send)
            return;

        send.AllowResends(_control.Target, now - _lastFlush);
        _pacer.Fill(_control.Target, _control.QueueDelay, now);
        _lastFlush = now;
        while (_pacer.MaySend && send.HasQueued)
            TransmitNext(send, probe: _control.ProbeBytesLeft > 0, now);

        // A probe goes beyond the pacer, at most 10 ms worth of it at a time.
        for (var left = _control.ProbeRate / 800; left > 0 && _control.ProbeBytesLeft > 0;)
        {
            var length = send.HasQueued ? TransmitNext(send, probe: true, now) : TransmitProbe(send, now);
            left = length == 0 ? 0 : left - length;
        }
    }

    private int TransmitNext(VideoSendStream send, bool probe, long now)
    {
        if (send.TryTakeRepeat(out var sequence))
        {
            // Logged under the number that it carries; a new number would be reported as missing.
            var repeated = _callbacks.SendAgain?.Invoke(sequence) ?? 0;
            _pacer.Sent(repeated);
            return repeated;
        }

        var length = send.WriteNext(_buffer, _transportSequence);
        if (length > 0)
        {
            Transmit(length, _plan.SendVideo!.Extensions, probe, now);
            if (send.Completed is { Arrived: not 0 } ticket)
                _callbacks.FrameSent?.Invoke(ticket, TimeSpan.FromMicroseconds(now - Micros(ticket.Arrived)));
        }

        return length;
    }

    private int TransmitProbe(VideoSendStream send, long now)
    {
        var length = send.WriteProbe(_buffer, _transportSequence);
        if (length > 0)
            Transmit(length, _plan.SendVideo!.Extensions, probe: true, now);

        return length;
    }

    private void Transmit(int length, ExtensionIds extensions, bool probe, long now)
    {
        _pacer.Sent(length);
        // A packet without the extension must not use up a number: the far side would report that number as missing.
        if (extensions.TransportSequence != 0)
            _control.OnSent(_transportSequence++, length, probe, now);

        _callbacks.SendRtp(_buffer, length);
    }

    private void UpdateTarget()
    {
        // Video gets what audio and packet headers leave.
        var video = Math.Max(_options.MinBitrate, (int)(0.97 * _control.Target) - (_audioRate.Bitrate() ?? 0));
        if (Math.Abs(video - TargetBitrate) > TargetBitrate / 40)
        {
            TargetBitrate = video;
            _callbacks.TargetBitrateChanged?.Invoke(video);
        }
    }

    private void AskForKeyFrame() => _keyFrameAsked = true;

    private void SignalKeyFrame(long now)
    {
        // Key frames take at most 40 % of the bitrate: on a congested path, more of them would keep it congested.
        var interval = Math.Clamp(_keyFrameBytes * 8_000_000L / (long)(0.4 * TargetBitrate), KeyFrameInterval, MaxKeyFrameInterval);
        if (_keyFrameAsked && now - _keyFrameSignalled >= interval)
        {
            _keyFrameAsked = false;
            _keyFrameSignalled = now;
            _callbacks.KeyFrameRequested?.Invoke();
        }
    }
}
