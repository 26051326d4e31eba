namespace TrueLive.WebRtc.Srtp;

/// <summary>
/// Protects single packets in place with session keys of one direction (RFC 3711 sections 3.1, 3.4 and 4; RFC 7714 sections 8
/// and 9). Packet layout and indices are the caller's; a cipher keeps no state between packets. Not thread-safe.
/// </summary>
internal abstract class SrtpCipher : IDisposable
{
    /// <summary>Bytes that RTP protection appends.</summary>
    public abstract int RtpOverhead { get; }

    /// <summary>Bytes that RTCP protection appends, the index word included.</summary>
    public int RtcpOverhead => RtpOverhead + 4;

    /// <summary>Makes the cipher of a profile from master key and salt.</summary>
    public static SrtpCipher Create(SrtpProfile profile, byte[] masterKey, byte[] masterSalt)
    {
        var rtp = SrtpKeyDerivation.Rtp(masterKey, masterSalt);
        var rtcp = SrtpKeyDerivation.Rtcp(masterKey, masterSalt);
        return profile == SrtpProfile.AeadAes128Gcm ? new SrtpGcmCipher(rtp, rtcp) : new SrtpCmCipher(rtp, rtcp);
    }

    /// <summary>
    /// Encrypts after <paramref name="header"/> bytes and appends the tag behind <paramref name="length"/>; returns the new length.
    /// </summary>
    public abstract int ProtectRtp(Span<byte> buffer, int length, int header, uint ssrc, ulong index);

    /// <summary>Checks and decrypts; returns the length without the tag, or -1 when the packet is not authentic.</summary>
    public abstract int UnprotectRtp(Span<byte> packet, int header, uint ssrc, ulong index);

    /// <summary>Encrypts after the first 8 bytes and appends tag and index word; returns the new length.</summary>
    public abstract int ProtectRtcp(Span<byte> buffer, int length, uint ssrc, uint index);

    /// <summary>Authenticates and decrypts, with the index word from the packet; returns the plain length or -1.</summary>
    public abstract int UnprotectRtcp(Span<byte> packet, uint ssrc, uint indexWord);

    public abstract void Dispose();
}
