using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;
using TrueLive.WebRtc.Srtp;

namespace TrueLive.WebRtc.Dtls;

/// <summary>
/// Client side of one DTLS 1.2 handshake with use_srtp (RFC 5764 section 4.1); shows our certificate and checks the server's.
/// </summary>
internal sealed class DtlsClient(BcTlsCrypto crypto, DtlsCertificate certificate, string remoteFingerprint)
    : DefaultTlsClient(crypto), IDtlsRole
{
    private SrtpProfile? _profile;

    public SrtpKeys? Keys { get; private set; }

    public override bool IgnoreCorruptDtlsRecords => true;

    public override int GetHandshakeTimeoutMillis() => DtlsHandshake.TimeoutMilliseconds;

    public override int GetHandshakeResendTimeMillis() => DtlsHandshake.ResendMilliseconds;

    public override int GetMaxHandshakeMessageSize() => DtlsHandshake.MaxMessage;

    public override bool RequiresExtendedMasterSecret() => true;

    public override IDictionary<int, byte[]> GetClientExtensions()
    {
        var extensions = TlsExtensionsUtilities.EnsureExtensionsInitialised(base.GetClientExtensions());
        TlsSrtpUtilities.AddUseSrtpExtension(extensions,
            new UseSrtpData([(int)SrtpProfile.AeadAes128Gcm, (int)SrtpProfile.Aes128CmHmacSha1_80], TlsUtilities.EmptyBytes));
        return extensions;
    }

    public override void ProcessServerExtensions(IDictionary<int, byte[]> serverExtensions)
    {
        base.ProcessServerExtensions(serverExtensions);
        _profile = serverExtensions is null ? null : DtlsHandshake.Choose(TlsSrtpUtilities.GetUseSrtpExtension(serverExtensions));
    }

    public override TlsAuthentication GetAuthentication() => new Authentication(this);

    public override void NotifyHandshakeComplete()
    {
        base.NotifyHandshakeComplete();
        Keys = DtlsHandshake.Export(m_context, _profile, client: true);
    }

    protected override ProtocolVersion[] GetSupportedVersions() => ProtocolVersion.DTLSv12.Only();

    protected override int[] GetSupportedCipherSuites() => [.. DtlsHandshake.EcdsaSuites, .. DtlsHandshake.RsaSuites];

    private TlsCredentials Credentials() => certificate.Credentials(m_context, crypto);

    private void Check(TlsServerCertificate server) => DtlsFingerprint.Require(server.Certificate, remoteFingerprint);

    private sealed class Authentication(DtlsClient client) : TlsAuthentication
    {
        public void NotifyServerCertificate(TlsServerCertificate serverCertificate) => client.Check(serverCertificate);

        public TlsCredentials GetClientCredentials(CertificateRequest certificateRequest) => client.Credentials();
    }
}
