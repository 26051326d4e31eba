using TrueLive.Core.Frames;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc.Tests.Rtp;

/// <summary>Bytes of the RTP header and its extensions (RFC 3550 section 5.1, RFC 8285 section 4.2).</summary>
public class RtpHeaderTests
{
    private static readonly RtpHeader Header = new(new ExtensionIds(4, 3, 5, 8), "1"u8.ToArray());

    [Fact]
    public void A_header_with_every_extension_has_these_bytes()
    {
        var packet = new byte[Header.MaxLength];
        var length = Header.Write(packet, new(102, true, 0x1234, 0x01020304, 0x0A0B0C0D, 0xBEEF, true,
            new ColourSpace(ColourMatrix.Bt709, true)));

        Assert.Equal(
            "90E61234010203040A0B0C0DBEDE0004" + // fixed header, one-byte extensions, four words
            "31BEEF" + // transport-wide number
            "4031" + // mid "1"
            "52000000" + // playout delay 0 to 0
            "83010D0120" + // BT.709 full range, as Chromium's canvas marks it
            "0000",
            Convert.ToHexString(packet.AsSpan(0, length)));
        Assert.True(RtpPacket.TryParse(packet.AsSpan(0, length), out var read));
        Assert.Equal((true, 102, 0x1234, 0x01020304u, 0x0A0B0C0Du),
            (read.Marker, read.PayloadType, read.SequenceNumber, read.Timestamp, read.Ssrc));
        Assert.Equal([0xBE, 0xEF], read.Extension(3).ToArray());
        Assert.Equal("1"u8, read.Extension(4));
        Assert.Equal([0, 0, 0], read.Extension(5).ToArray());
        Assert.Equal(new ColourSpace(ColourMatrix.Bt709, true), ColourSpaceExtension.Read(read.Extension(8)));
        Assert.True(read.Extension(9).IsEmpty);
    }

    [Theory]
    [InlineData(ColourMatrix.Bt709, true, "010D0120")]
    [InlineData(ColourMatrix.Bt709, false, "01010110")]
    [InlineData(ColourMatrix.Bt601, false, "06060610")]
    [InlineData(ColourMatrix.Bt601, true, "06060620")]
    public void Colours_are_written_as_chromium_writes_them_and_read_back(ColourMatrix matrix, bool full, string bytes)
    {
        var value = new byte[4];
        ColourSpaceExtension.Write(new ColourSpace(matrix, full), value);
        Assert.Equal(bytes, Convert.ToHexString(value));
        Assert.Equal(new ColourSpace(matrix, full), ColourSpaceExtension.Read(value));
    }

    [Theory]
    [InlineData("")]
    [InlineData("010D01")]
    [InlineData("09100920")]
    [InlineData("01010100")]
    public void A_colour_that_is_not_known_is_none(string bytes) => Assert.Null(ColourSpaceExtension.Read(Convert.FromHexString(bytes)));

    [Theory]
    [InlineData(VideoCodec.H264)]
    [InlineData(VideoCodec.Vp8)]
    public void The_receiver_gets_the_colour_and_keeps_it_while_frames_come_without(VideoCodec codec)
    {
        using var call = new Call(codec) { Encoder = 1_000_000 };
        var colour = new ColourSpace(ColourMatrix.Bt709, true);
        call.SendFrame(30, size: 5000, colour: colour);
        call.Run(TimeSpan.FromSeconds(1));

        Assert.True(call.Frames.Count > 20);
        Assert.All(call.Frames, f => Assert.Equal(colour, f.Colour));
    }

    [Theory]
    [InlineData("")]
    [InlineData("80")]
    [InlineData("4060000000000000000000000000")]
    [InlineData("8F600000000000000000000000")]
    [InlineData("906000000000000000000000BEDE")]
    [InlineData("906000000000000000000000BEDE0002FFFFFFFF")]
    [InlineData("A0600000000000000000000000")]
    [InlineData("A06000000000000000000000FF")]
    public void What_is_cut_short_is_no_packet(string bytes) => Assert.False(RtpPacket.TryParse(Convert.FromHexString(bytes), out _));

    [Fact]
    public void Padding_is_taken_off_and_two_byte_extensions_are_read()
    {
        Assert.True(RtpPacket.TryParse(Convert.FromHexString("A060000000000000000000004142" + "000003"), out var padded));
        Assert.Equal("AB"u8, padded.Payload);
        Assert.True(RtpPacket.TryParse(Convert.FromHexString("906000000000000000000000" + "10000002" + "0300" + "1402BEEF" + "0000" + "41"),
            out var wide));
        Assert.Equal([0xBE, 0xEF], wide.Extension(20).ToArray());
        Assert.True(wide.Extension(3).IsEmpty);
        Assert.Equal("A"u8, wide.Payload);
    }
}
