using System.Buffers.Binary;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.WebRtc.Congestion;
using TrueLive.WebRtc.Packets;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.Fuzz.Targets;

/// <summary>What an authenticated peer can send: RTP and RTCP behind SRTP.</summary>
internal static class MediaTargets
{
    /// <summary>The answerer's plan for an offer of ours: H.264 102/103, VP8 96/97, Opus 111, extensions 1 to 4.</summary>
    internal static readonly MediaPlan Plan = SdpNegotiation.Answer(
        new SdpOffer(new MediaPreferences(), WireTargets.Local).Text, new MediaPreferences(), WireTargets.Local, out _);
    internal static readonly VideoFormat H264Format = new(VideoCodec.H264, 102, 103, "");
    internal static readonly VideoFormat Vp8Format = new(VideoCodec.Vp8, 96, 97, "");

    public static void Rtp(ReadOnlySpan<byte> input) => Session(input, static (session, packet, now) => session.ReceiveRtp(packet, now));

    /// <summary>The SSRC 0x11111111 in a packet stands for our own stream, whose number is random.</summary>
    public static void Rtcp(ReadOnlySpan<byte> input) => Session(input, static (session, packet, now) =>
    {
        for (var at = 0; at + 4 <= packet.Length; at += 4)
        {
            if (BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(at)) == 0x1111_1111)
            {
                BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(at), Plan.SendVideo!.LocalSsrc);
            }
        }

        session.ReceiveRtcp(packet, now);
    });

    public static void H264(ReadOnlySpan<byte> input)
    {
        var depacketizer = new H264Depacketizer(new H264ParameterSets(default));
        using var frame = new FrameBuffer();
        depacketizer.Begin();
        foreach (var packet in FuzzTarget.Packets(input))
        {
            _ = H264Payload.Start(packet);
            _ = H264Payload.HoldsIdr(packet);
            if (!depacketizer.Append(packet, frame))
            {
                depacketizer.Begin();
                frame.Clear();
            }
        }

        depacketizer.End(frame);
        Assemble(H264Format, input);
    }

    public static void H264Beginning(ReadOnlySpan<byte> input)
    {
        var first = H264Head.Read(input, null);
        _ = first.Sequence?.Words;
        H264Head.Read(input, first.Sequence);
        _ = new H264ParameterSets(input).Known;
    }

    public static void Vp8(ReadOnlySpan<byte> input)
    {
        foreach (var packet in FuzzTarget.Packets(input))
        {
            _ = Vp8Depacketizer.TryParse(packet, out _, out _);
            Vp8Depacketizer.BeginsKeyFrame(packet);
        }

        Assemble(Vp8Format, input);
    }

    public static void TransportFeedback(ReadOnlySpan<byte> input)
    {
        var now = new Instant(1);
        var control = new CongestionControl(1_500_000, 100_000, 6_000_000, feedback: true, now);
        for (ushort i = 0; i < 300; i++)
        {
            control.OnSent(i, 1200, probe: i % 50 == 0, now += 700);
        }

        foreach (var packet in FuzzTarget.Packets(input))
        {
            control.OnFeedback(packet, 20_000, now += 50_000);
            control.Tick(20_000, now);
            if (control.Target is < 100_000 or > 6_000_000)
            {
                throw new InvalidOperationException($"target {control.Target}");
            }
        }
    }

    private static void Session(ReadOnlySpan<byte> input, Action<RtpSession, byte[], Instant> receive)
    {
        var clock = new Clock(TimeProvider.System);
        var now = clock.Now;
        using var session = new RtpSession(Plan, new RtpSessionOptions(), clock, now);
        session.SendVideo(new EncodedFrame
        {
            Codec = VideoCodec.H264,
            Data = [0, 0, 0, 1, 0x65, 0x88, 1, 2, 3],
            RtpTime = 1,
            KeyFrame = true
        }, now);
        foreach (var packet in FuzzTarget.Packets(input))
        {
            receive(session, packet, now += TimeSpan.FromMilliseconds(10));
            session.Tick(now);
            while (session.TryTake(out QueuedPacket<RtpPacketKind> _))
            {
            }

            while (session.TryTake(out MediaEvent happened))
            {
                happened.Release();
            }
        }

        session.Stats(now);
    }

    /// <summary>The first byte of each packet advances the sequence number and determines the marker and time.</summary>
    private static void Assemble(VideoFormat format, ReadOnlySpan<byte> input)
    {
        using var assembler = new FrameAssembler(format);
        var sequence = 70_000L;
        var header = new byte[12];
        header[0] = 0x80;
        foreach (var packet in FuzzTarget.Packets(input))
        {
            var step = packet.Length == 0 ? 0 : packet[0] >> 6;
            sequence += step == 0 ? -1 : step;
            header[1] = (byte)(step == 3 ? 0xE0 : 0x60);
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), (uint)(sequence / 4));
            if (!RtpPacket.TryParse(header, out var rtp))
            {
                throw new InvalidOperationException("a plain header was refused");
            }

            assembler.Insert(sequence, rtp, packet.AsSpan(Math.Min(1, packet.Length)), null, 0);
            while (assembler.TryTake(out _))
            {
            }
        }
    }
}
