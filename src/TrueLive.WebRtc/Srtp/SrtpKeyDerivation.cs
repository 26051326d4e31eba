using System.Security.Cryptography;

namespace TrueLive.WebRtc.Srtp;

/// <summary>The keys that protect the packets of RTP, or of RTCP, in one direction.</summary>
/// <param name="Encryption">AES-128 key.</param>
/// <param name="Authentication">HMAC-SHA1 key; the AEAD profile has none of its own.</param>
/// <param name="Salt">12 bytes for GCM, 14 for counter mode.</param>
internal sealed record SrtpSessionKeys(byte[] Encryption, byte[] Authentication, byte[] Salt);

/// <summary>
/// Session keys from master keys with AES-CM and key derivation rate 0 (RFC 3711 sections 4.3.1 and 4.3.3; RFC 7714 section 11).
/// </summary>
internal static class SrtpKeyDerivation
{
    private const byte RtpLabel = 0;
    private const byte RtcpLabel = 3;

    public static SrtpSessionKeys Rtp(byte[] masterKey, byte[] masterSalt) => Derive(masterKey, masterSalt, RtpLabel);

    public static SrtpSessionKeys Rtcp(byte[] masterKey, byte[] masterSalt) => Derive(masterKey, masterSalt, RtcpLabel);

    private static SrtpSessionKeys Derive(byte[] masterKey, byte[] masterSalt, byte label) => new(
        Derive(masterKey, masterSalt, label, 16),
        Derive(masterKey, masterSalt, (byte)(label + 1), 20),
        Derive(masterKey, masterSalt, (byte)(label + 2), masterSalt.Length));

    private static byte[] Derive(byte[] masterKey, byte[] masterSalt, byte label, int length)
    {
        using var aes = Aes.Create();
        aes.Key = masterKey;
        var blocks = (length + 15) / 16;
        var counters = new byte[blocks * 16];
        for (var i = 0; i < blocks; i++)
        {
            var counter = counters.AsSpan(i * 16, 16);
            // A salt of 12 bytes is left-aligned in the 14 bytes of the PRF.
            masterSalt.CopyTo(counter);
            counter[7] ^= label;
            counter[15] = (byte)i;
        }

        return aes.EncryptEcb(counters, PaddingMode.None)[..length];
    }
}
