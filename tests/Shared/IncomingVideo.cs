using System.Buffers.Binary;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.WebRtc.Packets;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.Tests.Shared;

/// <summary>One RTP packet of a foreign sender.</summary>
internal sealed record SentPacket(ushort Sequence, uint Stamp, bool Marker, byte[] Payload, byte PayloadType = 96);

/// <summary>How a sender answers requests for lost packets.</summary>
internal enum Repairs
{
    None,
    OnAnotherStream,
    OnTheStream,
}

/// <summary>
/// The receiving end of a call in virtual time: it takes packets of some sender over a path with losses and records what the product
/// decodes. The sender ignores key frame requests, like an encoder with key frames at fixed times.
/// </summary>
internal sealed class IncomingVideo : IDisposable
{
    private const byte RtxPayloadType = 97;
    private static readonly TransportDescription Local = new()
    { IceUfrag = "abcd", IcePassword = "0123456789abcdef012345", Fingerprint = "sha-256 00:11" };

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly FramePool _pool = new("incoming video");
    private readonly Clock _clock;
    private readonly RtpSession _session;
    private readonly Repairs _repairs;
    private readonly Dictionary<ushort, SentPacket> _sent = [];
    private readonly List<(long At, byte[] Packet)> _underWay = [];
    private ushort _rtxSequence;
    private long _now;

    public IncomingVideo(VideoCodec codec, Repairs repairs = Repairs.None, string parameters = "")
    {
        _repairs = repairs;
        var format = codec == VideoCodec.H264
            ? $"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;profile-level-id=42e01f{parameters}\r\n"
            : "a=rtpmap:96 VP8/90000\r\n";
        var rtx = repairs == Repairs.OnAnotherStream ? "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" : "";
        var offer = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
            + $"m=video 9 UDP/TLS/RTP/SAVPF 96{(rtx.Length > 0 ? " 97" : "")}\r\nc=IN IP4 0.0.0.0\r\n"
            + "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef012345\r\na=fingerprint:sha-256 " +
                "AA:BB\r\na=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\n"
            + format + rtx + "a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\n";
        _session = new RtpSession(
            SdpNegotiation.Answer(offer, new MediaPreferences(), Local, out _), new RtpSessionOptions(),
            _clock = new Clock(_time), _clock.Now);
    }

    public VideoDecoder Decoder { get; } = new();

    public uint Ssrc { get; set; } = 7;

    /// <summary>Packets that never arrive, and neither do their repairs.</summary>
    public Func<SentPacket, bool> Gone { get; set; } = _ => false;

    /// <summary>Packets whose first sending does not arrive.</summary>
    public Func<SentPacket, bool> Lost { get; set; } = _ => false;

    public List<(uint Stamp, int Width, int Height, long At, ulong Content)> Pictures { get; } = [];

    public int PictureLossIndications { get; private set; }

    public int FullIntraRequests { get; private set; }

    public RtpSessionStats Stats => _session.Stats(_clock.Now);

    /// <summary>Sends a stream, the packets of a picture at once and pictures at an even pace.</summary>
    public void Play(IEnumerable<SentPacket> packets, double framesPerSecond = 30, long settle = 1000)
    {
        uint? stamp = null;
        var due = (double)_now;
        foreach (var packet in packets)
        {
            if (stamp is not null && stamp != packet.Stamp)
                Run((long)((due += 1000 / framesPerSecond) - _now));
            stamp = packet.Stamp;
            _sent[packet.Sequence] = packet;
            if (!Gone(packet) && !Lost(packet))
                _underWay.Add((_now + 20, Write(packet, packet.PayloadType, Ssrc, packet.Sequence, packet.Payload)));
        }
        Run(settle);
    }

    public void Run(long milliseconds)
    {
        for (var until = _now + milliseconds; _now < until; _now++, _time.Advance(TimeSpan.FromMilliseconds(1)))
        {
            for (var i = 0; i < _underWay.Count; i++)
            {
                if (_underWay[i].At > _now)
                    continue;
                _session.ReceiveRtp(_underWay[i].Packet, _clock.Now);
                Drain();
                _underWay.RemoveAt(i--);
            }
            if (_now % 5 == 0)
                _session.Tick(_clock.Now);
            Drain();
        }
    }

    public void Dispose()
    {
        _session.Dispose();
        Decoder.Dispose();
    }

    private void Drain()
    {
        while (_session.TryTake(out QueuedPacket<RtpPacketKind> packet))
            Feedback(packet.Bytes);
        while (_session.TryTake(out MediaEvent happened))
        {
            Received(happened.Frame);
            happened.Release();
        }
    }

    private void Received(in EncodedFrame frame)
    {
        using var picture = Decoder.Decode(frame, _pool);
        if (picture is null)
            return;
        var content = 14_695_981_039_346_656_037UL;
        for (var y = 0; y < picture.Height; y++)
        {
            foreach (var sample in picture.Y.Slice(y * picture.StrideY, picture.Width))
                content = (content ^ sample) * 1_099_511_628_211UL;
        }
        Pictures.Add((picture.Ticket.MediaTime, picture.Width, picture.Height, _now, content));
    }

    private void Feedback(ReadOnlySpan<byte> compound)
    {
        for (int length; compound.Length >= 4; compound = compound[length..])
        {
            length = 4 * (1 + BinaryPrimitives.ReadUInt16BigEndian(compound[2..]));
            var (kind, format) = (compound[1], compound[0] & 31);
            PictureLossIndications += (kind, format) == (206, 1) ? 1 : 0;
            FullIntraRequests += (kind, format) == (206, 4) ? 1 : 0;
            for (var at = 12; (kind, format) == (205, 1) && at < length; at += 4)
            {
                var (first, mask) = (BinaryPrimitives.ReadUInt16BigEndian(compound[at..]),
                    BinaryPrimitives.ReadUInt16BigEndian(compound[(at + 2)..]));
                for (var bit = -1; bit < 16; bit++)
                {
                    if (bit < 0 || (mask >> bit & 1) != 0)
                        Repair((ushort)(first + bit + 1));
                }
            }
        }
    }

    private void Repair(ushort sequence)
    {
        if (_repairs == Repairs.None || !_sent.TryGetValue(sequence, out var packet) || Gone(packet))
            return;
        byte[] number = [(byte)(sequence >> 8), (byte)sequence];
        _underWay.Add((_now + 40, _repairs == Repairs.OnTheStream
            ? Write(packet, packet.PayloadType, Ssrc, sequence, packet.Payload)
            : Write(packet, RtxPayloadType, Ssrc + 1, _rtxSequence++, [.. number, .. packet.Payload])));
    }

    private static byte[] Write(SentPacket packet, byte payloadType, uint ssrc, ushort sequence, byte[] payload)
    {
        var bytes = new byte[12 + payload.Length];
        (bytes[0], bytes[1]) = (0x80, (byte)(payloadType | (packet.Marker ? 0x80 : 0)));
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), packet.Stamp);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), ssrc);
        payload.CopyTo(bytes, 12);
        return bytes;
    }
}
