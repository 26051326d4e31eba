using System.Buffers.Binary;
using System.Security.Cryptography;

namespace TrueLive.WebRtc.Srtp;

/// <summary>AEAD_AES_128_GCM (RFC 7714 sections 8 and 9).</summary>
internal sealed class SrtpGcmCipher : SrtpCipher
{
    private const int Tag = 16;
    private readonly AesGcm _rtp;
    private readonly AesGcm _rtcp;
    private readonly byte[] _rtpSalt;
    private readonly byte[] _rtcpSalt;

    public SrtpGcmCipher(SrtpSessionKeys rtp, SrtpSessionKeys rtcp)
    {
        _rtp = new AesGcm(rtp.Encryption, Tag);
        _rtcp = new AesGcm(rtcp.Encryption, Tag);
        _rtpSalt = rtp.Salt;
        _rtcpSalt = rtcp.Salt;
    }

    public override int RtpOverhead => Tag;

    public override int ProtectRtp(Span<byte> buffer, int length, int header, uint ssrc, ulong index)
    {
        Span<byte> iv = stackalloc byte[12];
        RtpIv(iv, ssrc, index);
        var payload = buffer[header..length];
        _rtp.Encrypt(iv, payload, payload, buffer.Slice(length, Tag), buffer[..header]);
        return length + Tag;
    }

    public override int UnprotectRtp(Span<byte> packet, int header, uint ssrc, ulong index)
    {
        var end = packet.Length - Tag;
        if (end < header)
            return -1;

        Span<byte> iv = stackalloc byte[12];
        RtpIv(iv, ssrc, index);
        return Open(_rtp, iv, packet[header..end], packet[end..], packet[..header]) ? end : -1;
    }

    public override int ProtectRtcp(Span<byte> buffer, int length, uint ssrc, uint index)
    {
        Span<byte> iv = stackalloc byte[12];
        RtcpIv(iv, ssrc, index);
        Span<byte> aad = stackalloc byte[12];
        buffer[..8].CopyTo(aad);
        BinaryPrimitives.WriteUInt32BigEndian(aad[8..], index | 0x8000_0000);
        var payload = buffer[8..length];
        _rtcp.Encrypt(iv, payload, payload, buffer.Slice(length, Tag), aad);
        aad[8..].CopyTo(buffer[(length + Tag)..]);
        return length + Tag + 4;
    }

    public override int UnprotectRtcp(Span<byte> packet, uint ssrc, uint indexWord)
    {
        var end = packet.Length - 4 - Tag;
        if (end < 8)
            return -1;

        Span<byte> iv = stackalloc byte[12];
        RtcpIv(iv, ssrc, indexWord & 0x7FFF_FFFF);
        var tag = packet.Slice(end, Tag);
        if ((indexWord & 0x8000_0000) != 0)
        {
            Span<byte> aad = stackalloc byte[12];
            packet[..8].CopyTo(aad);
            BinaryPrimitives.WriteUInt32BigEndian(aad[8..], indexWord);
            return Open(_rtcp, iv, packet[8..end], tag, aad) ? end : -1;
        }

        // Section 9.3: an unencrypted packet is all associated data.
        Span<byte> all = stackalloc byte[end + 4];
        packet[..end].CopyTo(all);
        BinaryPrimitives.WriteUInt32BigEndian(all[end..], indexWord);
        return Open(_rtcp, iv, default, tag, all) ? end : -1;
    }

    public override void Dispose()
    {
        _rtp.Dispose();
        _rtcp.Dispose();
    }

    private static bool Open(AesGcm gcm, ReadOnlySpan<byte> iv, Span<byte> payload, ReadOnlySpan<byte> tag, ReadOnlySpan<byte> aad)
    {
        try
        {
            gcm.Decrypt(iv, payload, tag, payload, aad);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    private void RtpIv(Span<byte> iv, uint ssrc, ulong index)
    {
        iv[..2].Clear();
        BinaryPrimitives.WriteUInt32BigEndian(iv[2..], ssrc);
        BinaryPrimitives.WriteUInt32BigEndian(iv[6..], (uint)(index >> 16));
        BinaryPrimitives.WriteUInt16BigEndian(iv[10..], (ushort)index);
        Xor(iv, _rtpSalt);
    }

    private void RtcpIv(Span<byte> iv, uint ssrc, uint index)
    {
        iv.Clear();
        BinaryPrimitives.WriteUInt32BigEndian(iv[2..], ssrc);
        BinaryPrimitives.WriteUInt32BigEndian(iv[8..], index);
        Xor(iv, _rtcpSalt);
    }

    private static void Xor(Span<byte> iv, byte[] salt)
    {
        for (var i = 0; i < 12; i++)
            iv[i] ^= salt[i];
    }
}
