using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;
using TrueLive.WebRtc.Dtls;
using CertificateRequest = System.Security.Cryptography.X509Certificates.CertificateRequest;

namespace TrueLive.WebRtc.Tests.Dtls;

/// <summary>Client certificates: all are self-signed and match their fingerprint, but their keys differ.</summary>
public sealed class DtlsFingerprintTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Keys_that_browsers_make_are_taken()
    {
        using var rsa = RSA.Create(2048);
        Require(new CertificateRequest("CN=firefox", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(Now, Now.AddDays(1)).RawData);
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Require(new CertificateRequest("CN=chrome", curve, HashAlgorithmName.SHA256).CreateSelfSigned(Now, Now.AddDays(1)).RawData);
    }

    [Theory]
    [InlineData(30_000, 17)]
    [InlineData(30_000, 29_000)]
    [InlineData(2048, 2000)]
    public void An_rsa_key_that_would_take_long_to_calculate_with_is_refused(int modulusBits, int exponentBits)
    {
        var key = new AsnWriter(AsnEncodingRules.DER);
        using (key.PushSequence())
        {
            key.WriteInteger((BigInteger.One << (modulusBits - 1)) + 1);
            key.WriteInteger((BigInteger.One << (exponentBits - 1)) + 1);
        }
        var refused = Assert.Throws<TlsFatalAlert>(() =>
            Require(Signed(new PublicKey(new Oid("1.2.840.113549.1.1.1"), new AsnEncodedData([5, 0]), new AsnEncodedData(key.Encode())))));
        Assert.Equal(AlertDescription.unsupported_certificate, refused.AlertDescription);
    }

    [Fact]
    public void A_curve_that_is_written_out_is_refused()
    {
        using var named = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var written = ECDsa.Create(named.ExportExplicitParameters(includePrivateParameters: true));
        Assert.Throws<TlsFatalAlert>(() => Require(Signed(new PublicKey(written))));
    }

    private static void Require(byte[] der)
    {
        var crypto = new BcTlsCrypto(new SecureRandom());
        DtlsFingerprint.Require(new Certificate([crypto.CreateCertificate(der)]), DtlsFingerprint.Of(der));
    }

    private static byte[] Signed(PublicKey key)
    {
        using var signer = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var name = new X500DistinguishedName("CN=hostile");
        return new CertificateRequest(name, key, HashAlgorithmName.SHA256)
            .Create(name, X509SignatureGenerator.CreateForECDsa(signer), Now, Now.AddDays(1), new byte[] { 1 }).RawData;
    }
}
