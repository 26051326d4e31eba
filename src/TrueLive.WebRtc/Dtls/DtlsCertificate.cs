using System.Security.Cryptography;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;

namespace TrueLive.WebRtc.Dtls;

/// <summary>A self-signed ECDSA P-256 identity for one endpoint (RFC 8827 section 6.5); immutable, shared by its peers.</summary>
internal sealed class DtlsCertificate
{
    private readonly byte[] _der;
    private readonly AsymmetricKeyParameter _key;

    private DtlsCertificate(byte[] der, AsymmetricKeyParameter key)
    {
        _der = der;
        _key = key;
        Fingerprint = DtlsFingerprint.Of(der);
    }

    /// <summary>Hash and digest as SDP wants it (RFC 8122 section 5), for example <c>sha-256 AB:CD:...</c>.</summary>
    public string Fingerprint { get; }

    /// <summary>Makes a new key; the certificate holds for a year around <paramref name="now"/>.</summary>
    public static DtlsCertificate Create(DateTimeOffset now)
    {
        using var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=WebRTC", ecdsa, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(364));
        return new DtlsCertificate(certificate.RawData, PrivateKeyFactory.CreateKey(ecdsa.ExportPkcs8PrivateKey()));
    }

    /// <summary>Credentials for one handshake.</summary>
    public TlsCredentialedSigner Credentials(TlsContext context, BcTlsCrypto crypto) => new BcDefaultTlsCredentialedSigner(
        new TlsCryptoParameters(context),
        crypto,
        _key,
        new Certificate([crypto.CreateCertificate(_der)]),
        new SignatureAndHashAlgorithm(Org.BouncyCastle.Tls.HashAlgorithm.sha256, SignatureAlgorithm.ecdsa));
}
