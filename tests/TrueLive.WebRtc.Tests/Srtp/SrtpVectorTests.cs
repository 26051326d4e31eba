using TrueLive.WebRtc.Srtp;

namespace TrueLive.WebRtc.Tests.Srtp;

/// <summary>The published vectors of RFC 3711 appendix B and RFC 7714 sections 16 and 17.</summary>
public class SrtpVectorTests
{
    private static readonly byte[] MasterKey = Convert.FromHexString("E1F97A0D3E018BE0D64FA32C06DE4139");
    private static readonly byte[] MasterSalt = Convert.FromHexString("0EC675AD498AFEEBB6960B3AABE6");

    [Fact]
    public void Session_keys_are_those_of_RFC_3711_B_3()
    {
        var keys = SrtpKeyDerivation.Rtp(MasterKey, MasterSalt);
        Assert.Equal("C61E7A93744F39EE10734AFE3FF7A087", Convert.ToHexString(keys.Encryption));
        Assert.Equal("30CBBC08863D8C85D49DB34A9AE1", Convert.ToHexString(keys.Salt));
        Assert.Equal("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4", Convert.ToHexString(keys.Authentication));
    }

    [Fact]
    public void The_keystream_is_that_of_RFC_3711_B_2()
    {
        // SSRC and index are 0 there, so a packet of zeros comes out as the keystream.
        var keys = new SrtpSessionKeys(Convert.FromHexString("2B7E151628AED2A6ABF7158809CF4F3C"), new byte[20],
            Convert.FromHexString("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
        using var cipher = new SrtpCmCipher(keys, keys);
        var packet = new byte[12 + 48 + 10];
        Assert.Equal(packet.Length, cipher.ProtectRtp(packet, 60, 12, 0, 0));
        Assert.Equal("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0",
            Convert.ToHexString(packet.AsSpan(12, 48)));
    }

    [Fact]
    public void Counter_mode_packets_are_those_that_libsrtp_makes()
    {
        // test/srtp_driver.c of libsrtp; the RFC has no whole packet.
        using var cipher = SrtpCipher.Create(SrtpProfile.Aes128CmHmacSha1_80, MasterKey, MasterSalt);
        AssertRtp(cipher, "800F1234DECAFBADCAFEBABEABABABABABABABABABABABABABABABAB", 0x1234,
            "800F1234DECAFBADCAFEBABE4E55DC4CE79978D88CA4D215949D2402B78D6ACC99EA179B8DBB");
        AssertRtcp(cipher, "81C8000BCAFEBABEABABABABABABABABABABABABABABABAB", 1,
            "81C8000BCAFEBABE7128035BE487B9BDBEF89041F977A5A880000001993E08CD54D6C1230798");
    }

    [Fact]
    public void Gcm_packets_are_those_of_RFC_7714()
    {
        var keys = new SrtpSessionKeys(Convert.FromHexString("000102030405060708090A0B0C0D0E0F"), [],
            Convert.FromHexString("517569642070726F2071756F"));
        using var cipher = new SrtpGcmCipher(keys, keys);

        // Section 16.1.1.
        AssertRtp(
            cipher,
            "8040F17B8041F8D35501A0B247616C6C696120657374206F6D6E69732064697669736120696E207061727465732074726573",
            0xF17B,
            "8040F17B8041F8D35501A0B2F24DE3A3FB34DE6CACBA861C9D7E4BCABE633BD50D294E6F42A5F47A51C7D19B36DE3ADF8833899D7F27BEB16A9152CF765EE4390CCE");

        // Section 17.1.
        AssertRtcp(
            cipher,
            "81C8000D4D6172734E5450314E545032525450200000042A0000E9304C756E61DEADBEEFDEADBEEFDEADBEEFDEADBEEFDEADBEEF",
            0x5D4,
            "81C8000D4D61727363E94885DCDAB67CA727D7662F6B7E997FF5C0F76C06F32DC676A5F1730D6FDA4CE09B4686303DED0BB9275BC84AA45896CF4D2FC5ABF87245D9EADE800005D4");
    }

    private static void AssertRtp(SrtpCipher cipher, string plain, ulong index, string expected)
    {
        var bytes = Convert.FromHexString(plain);
        var ssrc = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(8));
        byte[] buffer = [.. bytes, .. new byte[32]];
        var length = cipher.ProtectRtp(buffer, bytes.Length, 12, ssrc, index);
        Assert.Equal(expected, Convert.ToHexString(buffer.AsSpan(0, length)));
        Assert.Equal(bytes.Length, cipher.UnprotectRtp(buffer.AsSpan(0, length), 12, ssrc, index));
        Assert.Equal(plain, Convert.ToHexString(buffer.AsSpan(0, bytes.Length)));
    }

    private static void AssertRtcp(SrtpCipher cipher, string plain, uint index, string expected)
    {
        var bytes = Convert.FromHexString(plain);
        var ssrc = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(4));
        byte[] buffer = [.. bytes, .. new byte[32]];
        var length = cipher.ProtectRtcp(buffer, bytes.Length, ssrc, index);
        Assert.Equal(expected, Convert.ToHexString(buffer.AsSpan(0, length)));
        Assert.Equal(bytes.Length, cipher.UnprotectRtcp(buffer.AsSpan(0, length), ssrc, index | 0x8000_0000));
        Assert.Equal(plain, Convert.ToHexString(buffer.AsSpan(0, bytes.Length)));
    }
}
