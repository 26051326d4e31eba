using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace TrueLive.WebRtc.Srtp;

/// <summary>
/// SRTP and SRTCP both ways for one peer (RFC 3711, RFC 7714). Works in place, allocates only for a stream's first packet, and never
/// throws on hostile input. Not thread-safe.
/// </summary>
internal sealed class SrtpSession(SrtpKeys keys) : IDisposable
{
    /// <summary>Free bytes that <see cref="ProtectRtp"/> and <see cref="ProtectRtcp"/> may need behind a packet.</summary>
    public const int Headroom = 32;

    /// <summary>Longest packet that is protected or taken.</summary>
    public const int MaxPacket = 2048;

    // Bounds the memory that invented SSRCs could take; only authenticated packets create a stream.
    private const int MaxStreams = 64;

    // Senders may start at any number. One that seems to start just above 0 may have wrapped while its first packets were lost.
    private const ushort JustWrapped = 4096;

    private readonly SrtpCipher _local = SrtpCipher.Create(keys.Profile, keys.LocalKey, keys.LocalSalt);
    private readonly SrtpCipher _remote = SrtpCipher.Create(keys.Profile, keys.RemoteKey, keys.RemoteSalt);
    private readonly Dictionary<uint, Outgoing> _outgoing = [];
    private readonly Dictionary<uint, Incoming> _incoming = [];
    private readonly byte[] _untried = new byte[MaxPacket];

    public SrtpProfile Profile => keys.Profile;

    /// <summary>Packets that were forged, damaged or under other keys.</summary>
    public long Unauthentic { get; private set; }

    /// <summary>Packets seen before or too old for the window.</summary>
    public long Replayed { get; private set; }

    /// <summary>
    /// Protects the first <paramref name="length"/> bytes; returns the new length, or 0 when this is no RTP packet that can go out.
    /// </summary>
    public int ProtectRtp(Span<byte> buffer, int length)
    {
        var header = RtpHeaderLength(buffer[..length]);
        if (header == 0 || length > MaxPacket - Headroom || buffer.Length < length + _local.RtpOverhead)
            return 0;

        var ssrc = BinaryPrimitives.ReadUInt32BigEndian(buffer[8..]);
        var stream = OutgoingStream(ssrc);
        var index = stream.Rtp.Estimate(BinaryPrimitives.ReadUInt16BigEndian(buffer[2..]));

        // Protecting a different packet under the same index would reveal the GCM authentication key (RFC 7714 section 14.1).
        if (Profile == SrtpProfile.AeadAes128Gcm && !stream.Sent.IsFresh(index))
            return 0;

        stream.Sent.Mark(index);
        stream.Rtp.Accept(index);
        return _local.ProtectRtp(buffer, length, header, ssrc, index);
    }

    /// <summary>Protects one compound RTCP packet; returns the new length or 0.</summary>
    public int ProtectRtcp(Span<byte> buffer, int length)
    {
        if (length is < 8 or > (MaxPacket - Headroom) || buffer.Length < length + _local.RtcpOverhead)
            return 0;

        var ssrc = BinaryPrimitives.ReadUInt32BigEndian(buffer[4..]);
        var stream = OutgoingStream(ssrc);
        stream.RtcpIndex = (stream.RtcpIndex + 1) & 0x7FFF_FFFF;
        return _local.ProtectRtcp(buffer, length, ssrc, stream.RtcpIndex);
    }

    /// <summary>Checks and decrypts; returns the plain length, or 0 when the packet is to be dropped.</summary>
    public int UnprotectRtp(Span<byte> packet)
    {
        var header = RtpHeaderLength(packet);
        if (header == 0 || packet.Length > MaxPacket)
            return Reject();

        var ssrc = BinaryPrimitives.ReadUInt32BigEndian(packet[8..]);
        var stream = _incoming.GetValueOrDefault(ssrc);
        var sequence = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        var index = stream?.Rtp.Estimate(sequence) ?? sequence;
        if (stream is not null && !stream.RtpSeen.IsFresh(index))
        {
            Replayed++;
            return 0;
        }

        // A failed attempt may leave the packet modified.
        var mayHaveWrapped = stream is null && sequence < JustWrapped;
        if (mayHaveWrapped)
            packet.CopyTo(_untried);

        var length = _remote.UnprotectRtp(packet, header, ssrc, index);
        if (length < 0 && mayHaveWrapped)
        {
            _untried.AsSpan(0, packet.Length).CopyTo(packet);
            length = _remote.UnprotectRtp(packet, header, ssrc, index += 1 << 16);
        }

        if (length < 0)
            return Reject();

        if ((stream ?? Keep(ssrc)) is not { } kept)
            return 0;

        kept.Rtp.Accept(index);
        kept.RtpSeen.Mark(index);
        return length;
    }

    /// <summary>Checks and decrypts; returns the plain length, or 0 when the packet is to be dropped.</summary>
    public int UnprotectRtcp(Span<byte> packet)
    {
        if (packet.Length < 8 + _remote.RtcpOverhead || packet.Length > MaxPacket)
            return Reject();

        var ssrc = BinaryPrimitives.ReadUInt32BigEndian(packet[4..]);
        var wordAt = Profile == SrtpProfile.AeadAes128Gcm ? packet.Length - 4 : packet.Length - _remote.RtcpOverhead;
        var word = BinaryPrimitives.ReadUInt32BigEndian(packet[wordAt..]);
        var stream = _incoming.GetValueOrDefault(ssrc);
        if (stream is not null && !stream.RtcpSeen.IsFresh(word & 0x7FFF_FFFF))
        {
            Replayed++;
            return 0;
        }

        var length = _remote.UnprotectRtcp(packet, ssrc, word);
        if (length < 0)
            return Reject();

        if ((stream ?? Keep(ssrc)) is not { } kept)
            return 0;

        kept.RtcpSeen.Mark(word & 0x7FFF_FFFF);
        return length;
    }

    public void Dispose()
    {
        _local.Dispose();
        _remote.Dispose();
    }

    /// <summary>Length of fixed header, CSRCs and extension (RFC 3550 section 5.1); 0 when malformed.</summary>
    internal static int RtpHeaderLength(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < 12 || packet[0] >> 6 != 2)
            return 0;

        var length = 12 + ((packet[0] & 15) * 4);
        if ((packet[0] & 0x10) != 0)
        {
            if (packet.Length < length + 4)
                return 0;

            length += 4 + (BinaryPrimitives.ReadUInt16BigEndian(packet[(length + 2)..]) * 4);
        }

        return length <= packet.Length ? length : 0;
    }

    private int Reject()
    {
        Unauthentic++;
        return 0;
    }

    private Outgoing OutgoingStream(uint ssrc) =>
        CollectionsMarshal.GetValueRefOrAddDefault(_outgoing, ssrc, out _) ??= new Outgoing();

    private Incoming? Keep(uint ssrc)
    {
        if (_incoming.Count >= MaxStreams)
            return null;

        var stream = new Incoming();
        _incoming.Add(ssrc, stream);
        return stream;
    }

    private sealed class Outgoing
    {
        public readonly ReplayWindow Sent = new();
        public RolloverCounter Rtp;
        public uint RtcpIndex;
    }

    private sealed class Incoming
    {
        public readonly ReplayWindow RtpSeen = new();
        public readonly ReplayWindow RtcpSeen = new();
        public RolloverCounter Rtp;
    }
}
