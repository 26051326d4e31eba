using Org.BouncyCastle.Tls;
using TrueLive.WebRtc.Srtp;

namespace TrueLive.WebRtc.Dtls;

/// <summary>One side of a handshake; tells the SRTP keys once it is complete.</summary>
internal interface IDtlsRole
{
    /// <summary>Null until the handshake is complete, and when use_srtp was not agreed.</summary>
    SrtpKeys? Keys { get; }
}

/// <summary>Settings shared by both sides of a handshake.</summary>
internal static class DtlsHandshake
{
    public const int TimeoutMilliseconds = 10_000;

    // Shorter than the timer suggested in RFC 6347 section 4.2.4.1: ICE has just shown that the path works.
    public const int ResendMilliseconds = 200;

    // Bounds the memory for a handshake message whose fragments are still arriving.
    public const int MaxMessage = 8192;

    /// <summary>Nonce and tag of AES-GCM (RFC 5288 section 3): no encrypted record is shorter.</summary>
    public const int CipherOverhead = 8 + 16;

    // AES-GCM only: every WebRTC implementation must support it (RFC 8827 section 6.5), and all records have the same overhead.
    public static readonly int[] EcdsaSuites =
    [
        CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ];

    public static readonly int[] RsaSuites =
    [
        CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ];

    /// <summary>The profile to use of those offered or answered; GCM first, since it costs less.</summary>
    public static SrtpProfile? Choose(UseSrtpData? data) => data is null ? null
        : data.ProtectionProfiles.Contains((int)SrtpProfile.AeadAes128Gcm) ? SrtpProfile.AeadAes128Gcm
        : data.ProtectionProfiles.Contains((int)SrtpProfile.Aes128CmHmacSha1_80) ? SrtpProfile.Aes128CmHmacSha1_80
        : null;

    /// <summary>RFC 5764 section 4.2.</summary>
    public static SrtpKeys? Export(TlsContext context, SrtpProfile? profile, bool client) => profile is { } p
        ? SrtpKeys.FromMaterial(p, context.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", null, SrtpKeys.MaterialLength(p)), client)
        : null;
}
