namespace TrueLive.WebRtc.Srtp;

/// <summary>DTLS-SRTP protection profiles in use (RFC 5764 section 4.1.2, RFC 7714 section 14.2).</summary>
internal enum SrtpProfile
{
    Aes128CmHmacSha1_80 = 0x0001,
    AeadAes128Gcm = 0x0007,
}

/// <summary>Master keys of one session, split by RFC 5764 section 4.2.</summary>
internal sealed record SrtpKeys(SrtpProfile Profile, byte[] LocalKey, byte[] LocalSalt, byte[] RemoteKey, byte[] RemoteSalt)
{
    public static int SaltLength(SrtpProfile profile) => profile == SrtpProfile.AeadAes128Gcm ? 12 : 14;

    /// <summary>Bytes to export with label <c>EXTRACTOR-dtls_srtp</c>.</summary>
    public static int MaterialLength(SrtpProfile profile) => 2 * (16 + SaltLength(profile));

    public static SrtpKeys FromMaterial(SrtpProfile profile, ReadOnlySpan<byte> material, bool client)
    {
        var salt = SaltLength(profile);
        var clientKey = material[..16].ToArray();
        var serverKey = material.Slice(16, 16).ToArray();
        var clientSalt = material.Slice(32, salt).ToArray();
        var serverSalt = material.Slice(32 + salt, salt).ToArray();
        return client
            ? new SrtpKeys(profile, clientKey, clientSalt, serverKey, serverSalt)
            : new SrtpKeys(profile, serverKey, serverSalt, clientKey, clientSalt);
    }
}
