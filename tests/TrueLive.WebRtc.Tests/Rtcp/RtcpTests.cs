using CsCheck;
using TrueLive.WebRtc.Rtcp;

namespace TrueLive.WebRtc.Tests.Rtcp;

/// <summary>Packets are read back as they were written (RFC 3550 section 6, RFC 4585, RFC 5104, REMB).</summary>
public class RtcpTests
{
    [Fact]
    public void Any_set_of_lost_packets_survives_the_nack() => Gen.Select(Gen.UShort, Gen.Int[1, 40].Array[1, 100]).Sample((first, steps) =>
    {
        var lost = new List<ushort> { first };
        foreach (var step in steps)
        {
            lost.Add((ushort)(lost[^1] + step));
        }

        var buffer = new byte[1500];
        var writer = new RtcpWriter(buffer);
        Assert.True(writer.Nack(1, 2, lost.ToArray()));
        var read = new List<ushort>();
        foreach (var (id, mask) in Nacks(buffer.AsSpan(0, writer.Length)))
        {
            read.Add(id);
            read.AddRange(Enumerable.Range(0, 16).Where(bit => (mask >> bit & 1) != 0).Select(bit => (ushort)(id + bit + 1)));
        }

        Assert.Equal(lost, read);
    }, seed: "0000000000001", iter: 500);

    [Fact]
    public void A_compound_packet_is_read_packet_by_packet()
    {
        var block = new ReportBlock(7, 12, -3, 0x10005, 99, 0x11223344, 65_536);
        var buffer = new byte[1500];
        var w = new RtcpWriter(buffer);
        Assert.True(w.SenderReport(1, 0x0102030405060708, 9000, 5, 4000, [block]) && w.SourceDescription(1, "name") && w.Pli(1, 7)
            && w.Fir(1, 7, 42) && w.Bye(1));
        ReadOnlySpan<byte> compound = buffer.AsSpan(0, w.Length);

        Assert.True(RtcpPacket.TryRead(ref compound, out var report));
        Assert.Equal((RtcpType.SenderReport, 1u, 0x0102030405060708ul, 9000u),
            (report.Type, report.SenderSsrc, report.NtpTime, report.RtpTime));
        Assert.True(report.TryGetReport(0, out var read));
        Assert.Equal(block, read);
        Assert.False(report.TryGetReport(1, out _));

        Assert.True(RtcpPacket.TryRead(ref compound, out var description));
        Assert.Equal(RtcpType.SourceDescription, description.Type);
        Assert.Equal([0x81, 202, 0, 3, 0, 0, 0, 1, 1, 4, (byte)'n', (byte)'a', (byte)'m', (byte)'e', 0, 0], description.Bytes.ToArray());

        Assert.True(RtcpPacket.TryRead(ref compound, out var pli));
        Assert.Equal((true, 7u), (pli.IsPli, pli.MediaSsrc));

        Assert.True(RtcpPacket.TryRead(ref compound, out var fir));
        Assert.True(fir.IsFir);
        Assert.True(fir.TryGetFir(0, out var target, out var sequence));
        Assert.Equal((7u, 42), (target, sequence));
        Assert.False(fir.TryGetFir(1, out _, out _));

        Assert.True(RtcpPacket.TryRead(ref compound, out var bye));
        Assert.Equal((RtcpType.Bye, 1u), (bye.Type, bye.SenderSsrc));
        Assert.False(RtcpPacket.TryRead(ref compound, out _));
    }

    [Fact]
    public void A_remb_of_chromium_is_read()
    {
        ReadOnlySpan<byte> bytes = Convert.FromHexString("8FCE0005000000010000000052454D42010EA9C300000001");
        Assert.True(RtcpPacket.TryRead(ref bytes, out var packet));
        Assert.True(packet.IsRemb);
        // Exponent 3, mantissa 2 * 65536 + 0xA9C3.
        Assert.Equal(174_531L << 3, packet.RembBitrate());
    }

    [Fact]
    public void A_packet_that_does_not_fit_is_left_out()
    {
        var writer = new RtcpWriter(new byte[20]);
        Assert.True(writer.Pli(1, 2));
        Assert.False(writer.Pli(1, 2));
        Assert.True(writer.Bye(1));
        Assert.Equal(20, writer.Length);
    }

    [Fact]
    public void The_round_trip_follows_from_a_report_block()
    {
        var sent = NtpTime.Middle(NtpTime.From(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero)));
        var block = new ReportBlock(1, 0, 0, 0, 0, sent, 65_536 / 2);
        Assert.InRange(NtpTime.RoundTrip(sent + 65_536 / 2 + 6554, block)!.Value, 99_900, 100_100);
        Assert.Null(NtpTime.RoundTrip(sent + 65_536 * 60, block));
        Assert.Null(NtpTime.RoundTrip(sent, block with { LastSenderReport = 0 }));
        Assert.Equal(0xBC17C200_00000000ul, NtpTime.From(new DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero)));
    }

    private static List<(ushort Id, ushort Mask)> Nacks(ReadOnlySpan<byte> bytes)
    {
        Assert.True(RtcpPacket.TryRead(ref bytes, out var packet));
        Assert.True(packet.IsNack);
        var pairs = new List<(ushort, ushort)>();
        for (var i = 0; packet.TryGetNack(i, out var id, out var mask); i++)
        {
            pairs.Add((id, mask));
        }

        return pairs;
    }
}
