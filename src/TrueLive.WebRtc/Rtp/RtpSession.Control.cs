using TrueLive.WebRtc.Congestion;
using TrueLive.WebRtc.Rtcp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Rtp;

/// <summary>The control half of a session: RTCP reports (RFC 3550 section 6) and feedback (RFC 4585, RFC 5104).</summary>
internal sealed partial class RtpSession
{
    private const long ReportInterval = 1_000_000;
    private const long TransportFeedbackInterval = 50_000;
    private const int MaxNacksAtOnce = 250;

    private readonly ushort[] _nackBuffer = new ushort[MaxNacksAtOnce];
    private readonly ArrivalLog _arrivals = new();
    private Instant _nextReport;
    private Instant _nextTransportFeedback;
    private long _roundTrip;
    private double _sendLoss;
    private Instant _lastAudioAt;
    private byte _firSent;
    private int _firReceived = -1;

    /// <summary>Best knowledge of the round trip in microseconds; 0 when not known.</summary>
    private long RoundTrip => _roundTrip != 0 ? _roundTrip : _receive?.RepairRoundTrip ?? 0;

    private void ReceiveRtcpPacket(in RtcpPacket packet, Instant now)
    {
        switch (packet.Type)
        {
            case RtcpType.SenderReport:
                if (packet.NtpTime != 0)
                    StatisticsOf(packet.SenderSsrc)?.SenderReport(packet.NtpTime, packet.RtpTime, now);

                ReceiveReports(packet, now);
                break;
            case RtcpType.ReceiverReport:
                ReceiveReports(packet, now);
                break;
            case RtcpType.TransportFeedback when packet.IsNack && _send is { } send && packet.MediaSsrc == send.Ssrc:
                ReceiveNack(packet, send, now);
                break;
            case RtcpType.TransportFeedback when packet.IsTransportCc:
                _control.OnFeedback(packet.Bytes, RoundTrip, now);
                break;
            case RtcpType.PayloadFeedback when packet.IsRemb:
                _control.OnRemb(packet.RembBitrate());
                break;
            case RtcpType.PayloadFeedback when packet.IsPli && packet.MediaSsrc == _send?.Ssrc:
                _keyFrameRequestsReceived++;
                AskForKeyFrame();
                SignalKeyFrame(now);
                break;
            case RtcpType.PayloadFeedback when packet.IsFir && _send is not null:
                ReceiveFir(packet, _send.Ssrc, now);
                break;
        }
    }

    private ReceiveStatistics? StatisticsOf(uint ssrc) =>
        _receive?.Ssrc == ssrc ? _receive.Statistics : _audio.Ssrc == ssrc ? _audio.Statistics : null;

    private void ReceiveReports(in RtcpPacket packet, Instant now)
    {
        for (var i = 0; packet.TryGetReport(i, out var block); i++)
        {
            var ours = block.Ssrc == _send?.Ssrc;
            if (!ours && block.Ssrc != _audio.LocalSsrc)
                continue;

            if (NtpTime.RoundTrip(NtpTime.Middle(Ntp(now)), block) is { } sample)
                _roundTrip = _roundTrip == 0 ? sample : (3 * _roundTrip + sample) / 4;

            if (ours)
            {
                _sendLoss = block.FractionLost / 256.0;
                _control.OnReport(_sendLoss);
            }
        }
    }

    private void ReceiveNack(in RtcpPacket packet, VideoSendStream send, Instant now)
    {
        for (var i = 0; packet.TryGetNack(i, out var id, out var mask); i++)
        {
            _nacksReceived++;
            send.Resend(id, RoundTrip, now);
            for (var bit = 0; mask != 0 && bit < 16; bit++)
            {
                if ((mask & (1 << bit)) != 0)
                {
                    _nacksReceived++;
                    send.Resend((ushort)(id + bit + 1), RoundTrip, now);
                }
            }
        }
    }

    private void ReceiveFir(in RtcpPacket packet, uint ssrc, Instant now)
    {
        for (var i = 0; packet.TryGetFir(i, out var target, out var sequence); i++)
        {
            // A repeated request carries the same number (RFC 5104 section 4.3.1.2).
            if (target == ssrc && sequence != _firReceived)
            {
                _firReceived = sequence;
                _keyFrameRequestsReceived++;
                AskForKeyFrame();
                SignalKeyFrame(now);
            }
        }
    }

    /// <summary>Sends the NACKs and key frame requests that are due.</summary>
    private void FlushFeedback(Instant now)
    {
        if (_receive is not { } receive)
            return;

        var nacks = _nackBuffer.AsSpan(0, receive.NacksDue(_nackBuffer, RoundTrip, now));
        var keyFrame = receive.KeyFrameDue(RoundTrip, now);
        if (nacks.IsEmpty && !keyFrame)
            return;

        var feedback = _plan.ReceiveVideo!.Feedback;
        var writer = BeginFeedback();
        if (!nacks.IsEmpty)
            writer.Nack(_localSsrc, receive.Ssrc, nacks);

        if (keyFrame && (feedback.Pli || !feedback.Fir))
            writer.Pli(_localSsrc, receive.Ssrc);

        if (keyFrame && feedback.Fir && (!feedback.Pli || receive.AsksInVain))
            writer.Fir(_localSsrc, receive.Ssrc, _firSent++);

        _packets.Commit(RtpPacketKind.Rtcp, writer.Length);
    }

    private void NoteArrival(in RtpPacket packet, Instant now)
    {
        var value = packet.Extension((_plan.ReceiveVideo?.Extensions ?? _plan.ReceiveAudio?.Extensions ?? default).TransportSequence);
        if (value.Length >= 2)
            _arrivals.Add(System.Buffers.Binary.BinaryPrimitives.ReadUInt16BigEndian(value), now);
    }

    private void SendTransportFeedbackIfDue(Instant now)
    {
        if (now < _nextTransportFeedback || !_arrivals.HasNews)
            return;

        _nextTransportFeedback = now + TransportFeedbackInterval;
        for (var more = true; more;)
        {
            var writer = BeginFeedback();
            more = _arrivals.Write(ref writer, _localSsrc, _receive?.Ssrc ?? _audio.Ssrc);
            if (more)
                _packets.Commit(RtpPacketKind.Rtcp, writer.Length);
        }
    }

    private RtcpWriter BeginFeedback()
    {
        var writer = new RtcpWriter(_packets.Reserve(BufferSize));
        if (!_plan.ReceiveVideo?.ReducedSizeRtcp ?? false)
        {
            // RFC 3550 section 6.1: a compound packet begins with a report, even an empty one.
            writer.ReceiverReport(_localSsrc, []);
        }

        return writer;
    }

    private void SendReportIfDue(Instant now)
    {
        if (now < _nextReport)
            return;

        // RFC 3550 section 6.2: spread over 0.5 to 1.5 of the interval, so that peers do not synchronise.
        _nextReport = now + ReportInterval / 2 + _options.Random.NextInt64(ReportInterval);
        var writer = new RtcpWriter(_packets.Reserve(BufferSize));
        WriteReport(ref writer, now);
        _packets.Commit(RtpPacketKind.Rtcp, writer.Length);
    }

    private void WriteReport(ref RtcpWriter writer, Instant now)
    {
        Span<ReportBlock> blocks = stackalloc ReportBlock[2];
        var count = 0;
        if (_receive is { Ssrc: not 0 } video)
            blocks[count++] = video.Statistics.Report(video.Ssrc, now);

        if (_audio is { Ssrc: not 0 } audio)
            blocks[count++] = audio.Statistics.Report(audio.Ssrc, now);

        var reports = blocks[..count];
        var ntp = Ntp(now);
        if (_send is { PacketsSent: > 0 } send)
        {
            writer.SenderReport(send.Ssrc, ntp, RtpNow(send.LastTimestamp, _lastVideoAt, 90_000, now), (uint)send.PacketsSent,
                (uint)send.PayloadBytesSent, reports);
            reports = default;
        }

        if (_audio is { PacketsSent: > 0 } sound)
        {
            writer.SenderReport(sound.LocalSsrc, ntp, RtpNow(sound.LastTimestamp, _lastAudioAt, 48_000, now), (uint)sound.PacketsSent,
                (uint)sound.PayloadBytesSent, reports);
            reports = default;
        }

        if (writer.Length == 0 || !reports.IsEmpty)
            writer.ReceiverReport(_localSsrc, reports);

        writer.SourceDescription(_localSsrc, _plan.CName);
    }

    // RFC 3550 section 6.4.1: the RTP time at the moment of the report. A frame's time is the arrival of its input, however long processing
    // took.
    private static uint RtpNow(uint lastTimestamp, Instant lastAt, int clockRate, Instant now) =>
        unchecked(lastTimestamp + (uint)((now - lastAt) * clockRate / 1_000_000));

    private ulong Ntp(Instant now) => _startNtp + (ulong)((UInt128)(ulong)Math.Max(0, now - _start) * (1UL << 32) / 1_000_000);
}
