using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;
using TrueLive.WebRtc.Srtp;

namespace TrueLive.WebRtc.Dtls;

/// <summary>
/// Server side of one DTLS 1.2 handshake with use_srtp (RFC 5764 section 4.1); asks for and checks the client's certificate.
/// </summary>
internal sealed class DtlsServer(BcTlsCrypto crypto, DtlsCertificate certificate, string remoteFingerprint)
    : DefaultTlsServer(crypto), IDtlsRole
{
    private SrtpProfile? _profile;

    public SrtpKeys? Keys { get; private set; }

    public override bool IgnoreCorruptDtlsRecords => true;

    public override int GetHandshakeTimeoutMillis() => DtlsHandshake.TimeoutMilliseconds;

    public override int GetHandshakeResendTimeMillis() => DtlsHandshake.ResendMilliseconds;

    public override int GetMaxHandshakeMessageSize() => DtlsHandshake.MaxMessage;

    public override bool RequiresExtendedMasterSecret() => true;

    public override void ProcessClientExtensions(IDictionary<int, byte[]> clientExtensions)
    {
        base.ProcessClientExtensions(clientExtensions);
        _profile = clientExtensions is null ? null : DtlsHandshake.Choose(TlsSrtpUtilities.GetUseSrtpExtension(clientExtensions));
    }

    public override IDictionary<int, byte[]> GetServerExtensions()
    {
        var extensions = base.GetServerExtensions();
        if (_profile is { } profile)
            TlsSrtpUtilities.AddUseSrtpExtension(extensions, new UseSrtpData([(int)profile], TlsUtilities.EmptyBytes));

        return extensions;
    }

    public override CertificateRequest GetCertificateRequest() => new(
        [ClientCertificateType.ecdsa_sign, ClientCertificateType.rsa_sign],
        TlsUtilities.GetDefaultSupportedSignatureAlgorithms(m_context),
        null);

    public override void NotifyClientCertificate(Certificate clientCertificate) =>
        DtlsFingerprint.Require(clientCertificate, remoteFingerprint);

    public override void NotifyHandshakeComplete()
    {
        base.NotifyHandshakeComplete();
        Keys = DtlsHandshake.Export(m_context, _profile, client: false);
    }

    protected override ProtocolVersion[] GetSupportedVersions() => ProtocolVersion.DTLSv12.Only();

    protected override int[] GetSupportedCipherSuites() => DtlsHandshake.EcdsaSuites;

    protected override TlsCredentialedSigner GetECDsaSignerCredentials() => certificate.Credentials(m_context, crypto);
}
