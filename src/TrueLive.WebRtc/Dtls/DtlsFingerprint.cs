using System.Security.Cryptography;
using Org.BouncyCastle.Asn1;
using Org.BouncyCastle.Asn1.Pkcs;
using Org.BouncyCastle.Asn1.X509;
using Org.BouncyCastle.Asn1.X9;
using Org.BouncyCastle.Tls;
using Certificate = Org.BouncyCastle.Tls.Certificate;

namespace TrueLive.WebRtc.Dtls;

/// <summary>Certificate fingerprints of SDP (RFC 8122 section 5).</summary>
internal static class DtlsFingerprint
{
    // Twice what browsers and other stacks make. Checking a signature of an 8 kB key with an exponent of that length takes minutes.
    private const int MaxRsaBits = 4096;
    private const int MaxExponentBits = 33;

    public static string Of(byte[] der) => "sha-256 " + Hex(SHA256.HashData(der));

    /// <summary>True when a hash name and digest as in <c>a=fingerprint</c> can be checked: sha-256, sha-384 or sha-512.</summary>
    public static bool IsUsable(string fingerprint) =>
        Split(fingerprint) is { } parts && Digest(parts.Name, [0]) is { } digest && parts.Value.Length == (digest.Length * 3) - 1;

    /// <summary>
    /// Compares the end-entity certificate with the fingerprint from signalling, and its key with the sizes that are accepted.
    /// </summary>
    /// <exception cref="TlsFatalAlert">No certificate, another one, or a key that is too large or of an unusual kind.</exception>
    public static void Require(Certificate? chain, string fingerprint)
    {
        if (chain is null || chain.IsEmpty)
            throw new TlsFatalAlert(AlertDescription.handshake_failure, "the far side sent no certificate");

        if (Split(fingerprint) is not { } expected || Digest(expected.Name, chain.GetCertificateAt(0).GetEncoded()) is not { } digest
            || !Hex(digest).Equals(expected.Value, StringComparison.OrdinalIgnoreCase))
        {
            throw new TlsFatalAlert(AlertDescription.bad_certificate, "the certificate does not match the fingerprint in the SDP");
        }

        if (!IsUsual(chain.GetCertificateAt(0).GetEncoded()))
            throw new TlsFatalAlert(AlertDescription.unsupported_certificate,
                $"the certificate's key is neither on a named curve nor RSA of at most {MaxRsaBits} bits");
    }

    private static bool IsUsual(byte[] der)
    {
        try
        {
            var key = X509CertificateStructure.GetInstance(der).SubjectPublicKeyInfo;
            var kind = key.Algorithm.Algorithm;
            if (kind.Equals(PkcsObjectIdentifiers.RsaEncryption))
            {
                var rsa = RsaPublicKeyStructure.GetInstance(key.ParsePublicKey());
                return rsa.Modulus.BitLength <= MaxRsaBits && rsa.PublicExponent.BitLength <= MaxExponentBits;
            }
            // A curve given by explicit parameters could be of any size.
            return kind.Equals(X9ObjectIdentifiers.IdECPublicKey) && key.Algorithm.Parameters is DerObjectIdentifier;
        }
        catch (Exception error) when (error is IOException or ArgumentException or InvalidCastException or InvalidOperationException)
        {
            return false;
        }
    }

    private static (string Name, string Value)? Split(string fingerprint) =>
        fingerprint.Trim().Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var name, var value]
            ? (name.ToLowerInvariant(), value)
            : null;

    private static byte[]? Digest(string name, byte[] der) => name switch
    {
        "sha-256" => SHA256.HashData(der),
        "sha-384" => SHA384.HashData(der),
        "sha-512" => SHA512.HashData(der),
        _ => null,
    };

    private static string Hex(byte[] digest) => BitConverter.ToString(digest).Replace('-', ':');
}
