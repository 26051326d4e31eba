using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace TrueLive.WebRtc.Srtp;

/// <summary>AES128_CM_HMAC_SHA1_80 (RFC 3711 sections 3.4, 4.1.1 and 4.2.1).</summary>
internal sealed class SrtpCmCipher : SrtpCipher
{
    private const int Tag = 10;
    private const int Blocks = 2048 / 16;
    private readonly Half _rtp;
    private readonly Half _rtcp;
    private readonly byte[] _counters = new byte[Blocks * 16];
    private readonly byte[] _keystream = new byte[Blocks * 16];

    public SrtpCmCipher(SrtpSessionKeys rtp, SrtpSessionKeys rtcp)
    {
        _rtp = new Half(rtp);
        _rtcp = new Half(rtcp);
    }

    public override int RtpOverhead => Tag;

    public override int ProtectRtp(Span<byte> buffer, int length, int header, uint ssrc, ulong index)
    {
        Crypt(_rtp, buffer[header..length], ssrc, index);
        Span<byte> roc = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(roc, (uint)(index >> 16));
        _rtp.Mac(buffer[..length], roc, buffer.Slice(length, Tag));
        return length + Tag;
    }

    public override int UnprotectRtp(Span<byte> packet, int header, uint ssrc, ulong index)
    {
        var end = packet.Length - Tag;
        if (end < header)
            return -1;

        Span<byte> roc = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(roc, (uint)(index >> 16));
        Span<byte> mac = stackalloc byte[Tag];
        _rtp.Mac(packet[..end], roc, mac);
        if (!CryptographicOperations.FixedTimeEquals(mac, packet[end..]) || end - header > _keystream.Length)
            return -1;

        Crypt(_rtp, packet[header..end], ssrc, index);
        return end;
    }

    public override int ProtectRtcp(Span<byte> buffer, int length, uint ssrc, uint index)
    {
        Crypt(_rtcp, buffer[8..length], ssrc, index);
        BinaryPrimitives.WriteUInt32BigEndian(buffer[length..], index | 0x8000_0000);
        _rtcp.Mac(buffer[..(length + 4)], default, buffer.Slice(length + 4, Tag));
        return length + 4 + Tag;
    }

    public override int UnprotectRtcp(Span<byte> packet, uint ssrc, uint indexWord)
    {
        var end = packet.Length - 4 - Tag;
        if (end < 8)
            return -1;

        Span<byte> mac = stackalloc byte[Tag];
        _rtcp.Mac(packet[..(end + 4)], default, mac);
        if (!CryptographicOperations.FixedTimeEquals(mac, packet[(end + 4)..]) || end - 8 > _keystream.Length)
            return -1;

        if ((indexWord & 0x8000_0000) != 0)
            Crypt(_rtcp, packet[8..end], ssrc, indexWord & 0x7FFF_FFFF);

        return end;
    }

    public override void Dispose()
    {
        _rtp.Dispose();
        _rtcp.Dispose();
    }

    /// <summary>Section 4.1.1: IV = (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16).</summary>
    private void Crypt(Half half, Span<byte> data, uint ssrc, ulong index)
    {
        var blocks = (data.Length + 15) / 16;
        if (blocks == 0)
            return;

        var first = _counters.AsSpan(0, 16);
        half.Salt.CopyTo(first);
        BinaryPrimitives.WriteUInt32BigEndian(first[4..], BinaryPrimitives.ReadUInt32BigEndian(first[4..]) ^ ssrc);
        var low = BinaryPrimitives.ReadUInt64BigEndian(first[8..]) ^ (index << 16);
        BinaryPrimitives.WriteUInt64BigEndian(first[8..], low);
        for (var i = 1; i < blocks; i++)
        {
            first[..8].CopyTo(_counters.AsSpan(i * 16));
            BinaryPrimitives.WriteUInt64BigEndian(_counters.AsSpan((i * 16) + 8), low + (ulong)i);
        }

        half.Encryptor.TransformBlock(_counters, 0, blocks * 16, _keystream, 0);
        Xor(data, _keystream.AsSpan(0, data.Length));
    }

    private static void Xor(Span<byte> data, ReadOnlySpan<byte> keystream)
    {
        var at = 0;
        for (; at <= data.Length - Vector<byte>.Count; at += Vector<byte>.Count)
            (new Vector<byte>(data[at..]) ^ new Vector<byte>(keystream[at..])).CopyTo(data[at..]);

        for (; at < data.Length; at++)
            data[at] ^= keystream[at];
    }

    /// <summary>The keys of RTP or of RTCP.</summary>
    private sealed class Half : IDisposable
    {
        private readonly Aes _aes = Aes.Create();
        private readonly IncrementalHash _hmac;

        public Half(SrtpSessionKeys keys)
        {
            _aes.Key = keys.Encryption;
#pragma warning disable CA5358 // Counter mode is built from single blocks; no plain text goes through ECB.
            _aes.Mode = CipherMode.ECB;
#pragma warning restore CA5358
            _aes.Padding = PaddingMode.None;
            Encryptor = _aes.CreateEncryptor();
            _hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA1, keys.Authentication);
            Salt = [.. keys.Salt, 0, 0];
        }

        public ICryptoTransform Encryptor { get; }

        public byte[] Salt { get; }

        public void Mac(ReadOnlySpan<byte> packet, ReadOnlySpan<byte> roc, Span<byte> tag)
        {
            Span<byte> full = stackalloc byte[20];
            _hmac.AppendData(packet);
            _hmac.AppendData(roc);
            _hmac.GetHashAndReset(full);
            full[..Tag].CopyTo(tag);
        }

        public void Dispose()
        {
            Encryptor.Dispose();
            _aes.Dispose();
            _hmac.Dispose();
        }
    }
}
