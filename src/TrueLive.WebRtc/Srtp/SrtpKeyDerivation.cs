using System.Security.Cryptography;

namespace TrueLive.WebRtc.Srtp;

/// <summary>Session keys from master keys with AES-CM and key derivation rate 0 (RFC 3711 sections 4.3.1 and 4.3.3; RFC 7714 section 11).</summary>
internal static class SrtpKeyDerivation
{
    public const byte RtpEncryption = 0;
    public const byte RtpAuthentication = 1;
    public const byte RtpSalt = 2;
    public const byte RtcpEncryption = 3;
    public const byte RtcpAuthentication = 4;
    public const byte RtcpSalt = 5;

    public static byte[] Derive(byte[] masterKey, byte[] masterSalt, byte label, int length)
    {
        using var aes = Aes.Create();
        aes.Key = masterKey;
        var blocks = (length + 15) / 16;
        var counters = new byte[blocks * 16];
        for (var i = 0; i < blocks; i++)
        {
            var counter = counters.AsSpan(i * 16, 16);
            // A salt of 12 bytes stands left-aligned in the 14 of the PRF.
            masterSalt.CopyTo(counter);
            counter[7] ^= label;
            counter[15] = (byte)i;
        }

        return aes.EncryptEcb(counters, PaddingMode.None)[..length];
    }
}
