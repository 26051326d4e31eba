using System.Buffers.Binary;
using System.Net;
using CsCheck;
using TrueLive.WebRtc.Stun;

namespace TrueLive.WebRtc.Tests.Stun;

/// <summary>RFC 8489 against the test vectors of RFC 5769.</summary>
public class StunMessageTests
{
    private static readonly byte[] Password = "VOkJxbRl1RmTxUk/WvJxBt"u8.ToArray();

    // RFC 5769 section 2.1.
    internal static readonly byte[] Request = Convert.FromHexString(
        "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff" +
        "80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf");

    // Section 2.2.
    internal static readonly byte[] ResponseV4 = Convert.FromHexString(
        "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643" +
        "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96");

    // Section 2.3.
    internal static readonly byte[] ResponseV6 = Convert.FromHexString(
        "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9" +
        "00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c");

    [Fact]
    public void The_request_of_RFC_5769_is_read_and_authentic()
    {
        Assert.True(StunMessage.TryParse(Request, out var message));
        Assert.Equal(StunClass.Request, message.Class);
        Assert.Equal("evtj:h6vY"u8, message.Username);
        Assert.Equal(0x6E0001FFu, message.Priority);
        Assert.Equal(0x932FF9B151263B36ul, message.Controlled);
        Assert.Null(message.Controlling);
        Assert.False(message.UseCandidate);
        Assert.Equal(0, message.UnknownRequired);
        Assert.True(message.IsAuthentic(Password));
        Assert.False(message.IsAuthentic("another password altogether"u8));
    }

    [Fact]
    public void The_responses_of_RFC_5769_carry_their_addresses()
    {
        Assert.True(StunMessage.TryParse(ResponseV4, out var v4));
        Assert.Equal(StunClass.Success, v4.Class);
        Assert.Equal(IPEndPoint.Parse("192.0.2.1:32853"), v4.MappedAddress);
        Assert.True(v4.IsAuthentic(Password));
        Assert.True(StunMessage.TryParse(ResponseV6, out var v6));
        Assert.Equal(IPEndPoint.Parse("[2001:db8:1234:5678:11:2233:4455:6677]:32853"), v6.MappedAddress);
        Assert.True(v6.IsAuthentic(Password));
    }

    [Theory]
    [InlineData("198.51.100.7:1")]
    [InlineData("[2001:db8::1]:65535")]
    [InlineData("[::ffff:203.0.113.9]:40000")]
    public void What_is_written_is_read_back(string address)
    {
        var endpoint = IPEndPoint.Parse(address);
        var id = Request.AsSpan(8, 12);
        var writer = new StunWriter(new byte[StunMessage.MaxLength], StunClass.Success, id);
        writer.Bytes(StunAttribute.Username, "ab:cde"u8);
        writer.UInt32(StunAttribute.Priority, 77);
        writer.UInt64(StunAttribute.IceControlling, ulong.MaxValue);
        writer.Flag(StunAttribute.UseCandidate);
        writer.MappedAddress(endpoint);
        writer.Error(487);
        var bytes = writer.Finish(Password);

        Assert.True(StunMessage.TryParse(bytes, out var message));
        Assert.Equal(StunClass.Success, message.Class);
        Assert.Equal(id, message.TransactionId);
        Assert.Equal("ab:cde"u8, message.Username);
        Assert.Equal(77u, message.Priority);
        Assert.Equal(ulong.MaxValue, message.Controlling);
        Assert.True(message.UseCandidate);
        Assert.Equal(487, message.ErrorCode);
        var expected = endpoint.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(endpoint.Address.MapToIPv4(), endpoint.Port) : endpoint;
        Assert.Equal(expected, message.MappedAddress);
        Assert.True(message.IsAuthentic(Password));
    }

    [Fact]
    public void Without_a_password_there_is_no_integrity_and_nothing_is_authentic()
    {
        var writer = new StunWriter(new byte[StunMessage.MaxLength], StunClass.Indication, Request.AsSpan(8, 12));
        var bytes = writer.Finish(default);

        Assert.True(StunMessage.TryParse(bytes, out var message));
        Assert.Equal(StunClass.Indication, message.Class);
        Assert.False(message.HasIntegrity);
        Assert.False(message.IsAuthentic(Password));
        Assert.False(message.IsAuthentic(default));
    }

    [Fact]
    public void Any_changed_byte_breaks_the_fingerprint_and_any_cut_the_message()
    {
        for (var i = 0; i < Request.Length; i++)
        {
            var damaged = Request.ToArray();
            damaged[i] ^= 0x40;
            // With a damaged type, FINGERPRINT is an unknown attribute after MESSAGE-INTEGRITY, which is ignored: the message stays valid.
            Assert.Equal(i is 100 or 101, IsWhole(damaged));
            Assert.False(StunMessage.TryParse(Request.AsSpan(0, i), out _), $"{i} bytes");
        }

        static bool IsWhole(byte[] bytes) => StunMessage.TryParse(bytes, out var message) && message.IsAuthentic(Password);
    }

    [Fact]
    public void What_stands_behind_the_integrity_is_ignored()
    {
        // RFC 8489 section 14.5: attributes after MESSAGE-INTEGRITY do not count, so a forger cannot add USE-CANDIDATE.
        var forged = Request[..^8].Concat<byte>([0, 0x25, 0, 0]).ToArray();
        BinaryPrimitives.WriteUInt16BigEndian(forged.AsSpan(2), (ushort)(forged.Length - 20));

        Assert.True(StunMessage.TryParse(forged, out var message));
        Assert.True(message.IsAuthentic(Password));
        Assert.False(message.UseCandidate);
    }

    [Fact]
    public void An_unknown_required_attribute_is_named()
    {
        var writer = new StunWriter(new byte[StunMessage.MaxLength], StunClass.Request, Request.AsSpan(8, 12));
        writer.UInt32((StunAttribute)0x0031, 1);
        Assert.True(StunMessage.TryParse(writer.Finish(Password), out var message));
        Assert.Equal(0x0031, message.UnknownRequired);
    }

    [Fact]
    public void Any_bytes_behind_a_valid_beginning_are_taken_without_a_throw() =>
        Gen.Byte.Array[0, 200].Sample(tail =>
        {
            byte[] packet = [.. Request[..20], .. tail[..(tail.Length & ~3)]];
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)(packet.Length - 20));
            if (StunMessage.TryParse(packet, out var message))
            {
                _ = message.MappedAddress;
                _ = message.ErrorCode;
                message.IsAuthentic(Password);
            }
        }, seed: "0000000000001", iter: 5000);
}
