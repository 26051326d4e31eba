using System.Security.Cryptography;
using Org.BouncyCastle.Tls;

namespace TrueLive.WebRtc.Dtls;

/// <summary>Certificate fingerprints of SDP (RFC 8122 section 5).</summary>
internal static class DtlsFingerprint
{
    public static string Of(byte[] der) => "sha-256 " + Hex(SHA256.HashData(der));

    /// <summary>True when a hash name and digest as in <c>a=fingerprint</c> can be checked: sha-256, sha-384 or sha-512.</summary>
    public static bool IsUsable(string fingerprint) => Split(fingerprint) is { } parts && Digest(parts.Name, [0]) is { } digest && parts.Value.Length == (digest.Length * 3) - 1;

    /// <summary>Compares the end-entity certificate with what signalling promised.</summary>
    /// <exception cref="TlsFatalAlert">No certificate, or another one.</exception>
    public static void Require(Certificate? chain, string fingerprint)
    {
        if (chain is null || chain.IsEmpty)
        {
            throw new TlsFatalAlert(AlertDescription.handshake_failure, "the far side sent no certificate");
        }

        if (Split(fingerprint) is not { } expected || Digest(expected.Name, chain.GetCertificateAt(0).GetEncoded()) is not { } digest
            || !Hex(digest).Equals(expected.Value, StringComparison.OrdinalIgnoreCase))
        {
            throw new TlsFatalAlert(AlertDescription.bad_certificate, "the certificate does not match the fingerprint in the SDP");
        }
    }

    private static (string Name, string Value)? Split(string fingerprint) =>
        fingerprint.Trim().Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var name, var value] ? (name.ToLowerInvariant(), value) : null;

    private static byte[]? Digest(string name, byte[] der) => name switch
    {
        "sha-256" => SHA256.HashData(der),
        "sha-384" => SHA384.HashData(der),
        "sha-512" => SHA512.HashData(der),
        _ => null,
    };

    private static string Hex(byte[] digest) => BitConverter.ToString(digest).Replace('-', ':');
}
