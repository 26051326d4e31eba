using System.Buffers.Binary;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Packets;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Tests.Rtp;

/// <summary>Two sessions over a simulated path; Alice made the offer. Video goes from Alice to Bob unless a test says otherwise.</summary>
internal sealed class Call : IDisposable
{
    private static readonly TransportDescription Transport = new()
    { IceUfrag = "abcd", IcePassword = "0123456789abcdef012345", Fingerprint = "sha-256 00:11" };
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly Clock _clock;
    private readonly Dictionary<uint, (int Number, byte[] Data, long At)> _sent = [];
    private readonly Dictionary<ulong, byte[]> _bySequence = [];
    private readonly VideoCodec _codec;
    private readonly int _keyFactor;
    private int _number;
    private bool _keyFrameWanted;
    private long _sinceTick;
    private int _target;

    public Call(VideoCodec codec = VideoCodec.H264, int seed = 1, RtpSessionOptions? options = null, int slices = 1, int keyFactor = 6,
        Func<MediaPlan, MediaPlan>? agree = null)
    {
        _codec = codec;
        Slices = slices;
        _keyFactor = keyFactor;
        Up = new Impairment(seed);
        Down = new Impairment(seed + 1000);
        var preferences = new MediaPreferences { Codecs = [codec] };
        var offer = new SdpOffer(preferences, Transport);
        var bobPlan = SdpNegotiation.Answer(offer.Text, preferences, Transport, out var answer);
        var alicePlan = offer.Complete(answer);
        (alicePlan, bobPlan) = agree is null ? (alicePlan, bobPlan) : (agree(alicePlan), agree(bobPlan));
        AliceSsrc = alicePlan.SendVideo!.LocalSsrc;
        _clock = new Clock(_time);
        Alice = new RtpSession(alicePlan, Repeatable(2 * seed), _clock, _clock.Now);
        Bob = new RtpSession(bobPlan, Repeatable(2 * seed + 1), _clock, _clock.Now);
        Encoder = _target = Alice.TargetBitrate;

        RtpSessionOptions Repeatable(int number) => (options ?? new RtpSessionOptions()) with { Random = new Random(number) };
    }

    public uint AliceSsrc { get; }
    public RtpSession Alice { get; }
    public RtpSession Bob { get; }
    public Impairment Up { get; }
    public Impairment Down { get; }
    public int Slices { get; }

    /// <summary>Time between ticks in microseconds.</summary>
    public long TickInterval { get; init; } = 5_000;

    /// <summary>Bitrate of the simulated encoder, bit/s.</summary>
    public long Encoder { get; set; }
    public int AudioAtAlice { get; private set; }
    public int AudioAtBob { get; private set; }

    /// <summary>Sequence numbers and RTP times of the received sound.</summary>
    public List<(long Sequence, uint RtpTime)> SoundAtBob { get; } = [];

    /// <summary>Packets retransmitted unchanged.</summary>
    public int Repeats { get; private set; }
    public int KeyFrameRequests { get; private set; }
    public int KeyFramesSent { get; private set; }
    public int FramesOffered { get; private set; }
    public List<(long At, int Bitrate)> Targets { get; } = [];
    public List<(int Number, long At, long Delay, bool Key, ColourSpace? Colour)> Frames { get; } = [];

    /// <summary>Frames whose last packet Alice has sent, and the time since their input arrived.</summary>
    public List<(uint Stamp, TimeSpan Took)> Left { get; } = [];
    public List<string> Wrong { get; } = [];

    /// <summary>Microseconds since the start.</summary>
    public long Now { get; private set; }

    public Instant Moment => _clock.Now;

    public long Timestamp => _time.GetTimestamp();

    /// <summary>Runs for a time at 30 frames a second; the encoder obeys key frame requests and the target bitrate.</summary>
    public void Run(TimeSpan duration, int framesPerSecond = 30, Action<Call>? eachMillisecond = null)
    {
        var until = Now + (long)duration.TotalMicroseconds;
        for (; Now < until; Now += 1000)
        {
            if (framesPerSecond > 0 && Now / 1000 * framesPerSecond / 1000 != (Now / 1000 - 1) * framesPerSecond / 1000)
            {
                SendFrame(framesPerSecond);
            }

            Drain();
            Deliver();
            if ((_sinceTick += 1000) >= TickInterval)
            {
                _sinceTick = 0;
                Alice.Tick(Moment);
                Bob.Tick(Moment);
                Drain();
            }

            eachMillisecond?.Invoke(this);
            Drain();
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }
    }

    public void Deliver()
    {
        while (Up.TryReceive(Now, out var packet, out var rtcp))
        {
            Receive(Bob, packet, rtcp);
        }

        while (Down.TryReceive(Now, out var packet, out var rtcp))
        {
            Receive(Alice, packet, rtcp);
        }
    }

    public void SendFrame(int framesPerSecond, int? size = null, ColourSpace? colour = null)
    {
        FramesOffered++;
        if (!Alice.CanSendVideo(Moment))
        {
            return;
        }

        var key = _number == 0 || _keyFrameWanted;
        var number = ++_number;
        var data = TestFrames.Make(_codec, number, key, size ?? (int)(Encoder / 8 / framesPerSecond) * (key ? _keyFactor : 1), Slices);
        var rtpTime = (uint)(Now * 9 / 100);
        _sent[rtpTime] = (number, data, Now);
        if (Alice.SendVideo(new EncodedFrame { Codec = _codec, Data = data, RtpTime = rtpTime, KeyFrame = key, Colour = colour }, Moment)
            && key)
        {
            _keyFrameWanted = false;
            KeyFramesSent++;
        }
    }

    /// <summary>Longest time without a frame at Bob between two moments.</summary>
    public long LongestGap(long from, long to)
    {
        long last = from, longest = 0;
        foreach (var frame in Frames.Where(f => f.At >= from && f.At <= to))
        {
            longest = Math.Max(longest, frame.At - last);
            last = frame.At;
        }

        return Math.Max(longest, to - last);
    }

    public long DelayPercentile(double share, long from = 0, long to = long.MaxValue)
    {
        var delays = Frames.Where(f => f.At >= from && f.At < to).Select(f => f.Delay).Order().ToArray();
        return delays.Length == 0 ? long.MaxValue : delays[Math.Min(delays.Length - 1, (int)(share * delays.Length))];
    }

    public void Dispose()
    {
        Alice.Dispose();
        Bob.Dispose();
    }

    /// <summary>Takes outgoing packets and events from the sessions.</summary>
    private void Drain()
    {
        while (Alice.TryTake(out QueuedPacket<RtpPacketKind> packet))
        {
            if (packet.About == RtpPacketKind.Repeat)
                SendAgain(BinaryPrimitives.ReadUInt16BigEndian(packet.Bytes));
            else
                Send(Up, packet);
        }

        while (Bob.TryTake(out QueuedPacket<RtpPacketKind> packet))
            Send(Down, packet);
        while (Alice.TryTake(out MediaEvent happened))
            AtAlice(happened);
        while (Bob.TryTake(out MediaEvent happened))
            AtBob(happened);
        if (_target != Alice.TargetBitrate)
        {
            Encoder = _target = Alice.TargetBitrate;
            Targets.Add((Now, _target));
        }
    }

    private void AtAlice(in MediaEvent happened)
    {
        switch (happened.Kind)
        {
            case MediaEventKind.FrameSent:
                Left.Add((happened.Ticket.MediaTime, happened.Took));
                break;
            case MediaEventKind.KeyFrameWanted:
                _keyFrameWanted = true;
                KeyFrameRequests++;
                break;
            case MediaEventKind.Sound:
                AudioAtAlice += happened.Sound.Data.Length;
                break;
        }

        happened.Release();
    }

    private void AtBob(in MediaEvent happened)
    {
        if (happened.Kind == MediaEventKind.Frame)
        {
            Received(happened.Frame);
        }
        else if (happened.Kind == MediaEventKind.Sound)
        {
            AudioAtBob += happened.Sound.Data.Length;
            SoundAtBob.Add((happened.Sound.Sequence, happened.Sound.RtpTime));
        }

        happened.Release();
    }

    private void Send(Impairment path, QueuedPacket<RtpPacketKind> packet)
    {
        var (bytes, rtcp) = (packet.Bytes.ToArray(), packet.About == RtpPacketKind.Rtcp);
        if (path == Up && !rtcp
            && !_bySequence.TryAdd(
            BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(4)) << 16 ^ BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(2)), bytes))
        {
            Wrong.Add($"a packet index was used twice at {Now}");
        }

        path.Send(bytes, rtcp, Now);
        // SRTP would overwrite the packet and the bytes after it, too.
        packet.Space.Fill(0xEE);
    }

    private void SendAgain(ushort sequence)
    {
        var packet = _bySequence.Values.Last(p => BinaryPrimitives.ReadUInt32BigEndian(p.AsSpan(8)) == AliceSsrc
            && BinaryPrimitives.ReadUInt16BigEndian(p.AsSpan(2)) == sequence);
        Repeats++;
        Up.Send(packet, false, Now);
    }

    private void Receive(RtpSession session, byte[] packet, bool rtcp)
    {
        if (rtcp)
        {
            session.ReceiveRtcp(packet, Moment);
        }
        else
        {
            session.ReceiveRtp(packet, Moment);
        }

        Drain();
    }

    private void Received(in EncodedFrame frame)
    {
        var sent = _sent.GetValueOrDefault(frame.RtpTime);
        if (sent.Data is null || !frame.Data.SequenceEqual(sent.Data))
        {
            Wrong.Add($"frame {sent.Number} at {Now} differs");
        }
        else if (Frames.Count > 0 && sent.Number != Frames[^1].Number + 1 && !frame.KeyFrame)
        {
            Wrong.Add($"frame {sent.Number} follows {Frames[^1].Number} and is no key frame");
        }

        Frames.Add((sent.Number, Now, Now - sent.At, frame.KeyFrame, frame.Colour));
    }
}
