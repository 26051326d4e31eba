using System.Buffers.Binary;
using TrueLive.WebRtc.Congestion;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Rtp;

/// <summary>The sending half of a session: pacing, probes, the bitrate of video, and when to ask for a key frame.</summary>
internal sealed partial class RtpSession
{
    private void Flush(Instant now)
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

    private int TransmitNext(VideoSendStream send, bool probe, Instant now)
    {
        if (send.TryTakeRepeat(out var sequence, out var about))
        {
            // Logged under the number that it carries; a new number would be reported as missing.
            BinaryPrimitives.WriteUInt16BigEndian(_packets.Reserve(2), sequence);
            _packets.Commit(RtpPacketKind.Repeat, 2);
            _pacer.Sent(about);
            return about;
        }

        var length = send.WriteNext(_packets.Reserve(BufferSize), _transportSequence);
        if (length > 0)
        {
            Transmit(length, _sendPlan!.Extensions, probe, now);
            if (send.Completed is { Arrived: not 0 } ticket)
                _events.Add(MediaEvent.Sent(ticket, TimeSpan.FromMicroseconds(now - _clock.At(ticket.Arrived))));
        }

        return length;
    }

    private int TransmitProbe(VideoSendStream send, Instant now)
    {
        var length = send.WriteProbe(_packets.Reserve(BufferSize), _transportSequence);
        if (length > 0)
            Transmit(length, _sendPlan!.Extensions, probe: true, now);

        return length;
    }

    private void Transmit(int length, ExtensionIds extensions, bool probe, Instant now)
    {
        _pacer.Sent(length);
        // A packet without the extension must not use up a number: the far side would report that number as missing.
        if (extensions.TransportSequence != 0)
            _control.OnSent(_transportSequence++, length, probe, now);

        _packets.Commit(RtpPacketKind.Rtp, length);
    }

    private CongestionControl Control(VideoPlan? send, Instant now)
    {
        var feedback = send is { Feedback.TransportCc: true, Extensions.TransportSequence: not 0 };
        return new CongestionControl(_options.StartBitrate, _options.MinBitrate, _options.MaxBitrate, feedback, now);
    }

    private void UpdateTarget()
    {
        // Video gets what audio and packet headers leave.
        var video = Math.Max(_options.MinBitrate, (int)(0.97 * _control.Target) - (_audioRate.Bitrate() ?? 0));
        if (Math.Abs(video - TargetBitrate) > TargetBitrate / 40)
            TargetBitrate = video;
    }

    private void AskForKeyFrame() => _keyFrameAsked = true;

    private void SignalKeyFrame(Instant now)
    {
        // Key frames take at most 40 % of the bitrate: on a congested path, more of them would keep it congested.
        var interval = Math.Clamp(_keyFrameBytes * 8_000_000L / (long)(0.4 * TargetBitrate), KeyFrameInterval, MaxKeyFrameInterval);
        if (_keyFrameAsked && now - _keyFrameSignalled >= interval)
        {
            _keyFrameAsked = false;
            _keyFrameSignalled = now;
            _events.Add(new MediaEvent(MediaEventKind.KeyFrameWanted));
        }
    }
}
