using CsCheck;
using TrueLive.WebRtc.Congestion;
using TrueLive.WebRtc.Rtcp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Tests.Congestion;

/// <summary>Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).</summary>
public class TransportFeedbackTests
{
    [Fact]
    public void Any_pattern_of_arrivals_is_read_back_to_a_quarter_millisecond() =>
        Gen.Select(Gen.UShort,
            Gen.Select(Gen.Bool, Gen.Frequency((8, Gen.Int[0, 20_000]), (1, Gen.Int[-60_000, 300_000]),
            (1, Gen.Int[0, 9_000_000]))).Array[1, 700]).Sample((first, packets) =>
        {
            var log = new ArrivalLog();
            var expected = new Dictionary<ushort, long>();
            long now = 100_000_000;
            for (var i = 0; i < packets.Length; i++)
            {
                var (lost, step) = packets[i];
                if (!lost || i == 0)
                {
                    now = Math.Max(1, now + step);
                    log.Add((ushort)(first + i), new Instant(now));
                    expected[(ushort)(first + i)] = now;
                }
            }

            var read = new Dictionary<ushort, long>();
            foreach (var packet in Feedback(log))
            {
                Assert.True(TransportFeedback.TryParse(packet, out var feedback));
                while (feedback.MoveNext())
                {
                    if (feedback.Received)
                    {
                        read[feedback.Sequence] = feedback.ReferenceTime * 64_000L + feedback.ArrivalOffset;
                    }
                }
            }

            Assert.Equal(expected.Keys.Order(), read.Keys.Order());
            Assert.All(expected, e => Assert.InRange(e.Value - read[e.Key], 0, 249));
        }, seed: "0000000000001", iter: 300);

    [Fact]
    public void A_feedback_of_libwebrtc_is_read()
    {
        // Two received by a run-length chunk, a vector chunk with one lost and one large step.
        var bytes = Convert.FromHexString("8FCD0006" + "00000001" + "00000002" + "000A0005" + "00000107" + "2002" + "D200" + "0408" + "04"
            + "0FA0" + "000000");
        Assert.True(TransportFeedback.TryParse(bytes, out var feedback));
        var read = new List<(int, bool, long)>();
        while (feedback.MoveNext())
        {
            read.Add((feedback.Sequence, feedback.Received, feedback.Received ? feedback.ArrivalOffset : 0));
        }

        Assert.Equal(1u, feedback.ReferenceTime);
        Assert.Equal([(10, true, 1000), (11, true, 3000), (12, true, 4000), (13, false, 0), (14, true, 1_004_000)], read);
    }

    [Theory]
    [InlineData("8FCD0004000000010000000200000000000000002000")]
    [InlineData("8FCD000400000001000000020000FFFF000000001FFF")]
    [InlineData("8FCD0004000000010000000200000001000000000000")]
    public void Feedback_without_packets_or_with_chunks_missing_is_refused(string bytes) =>
        Assert.False(TransportFeedback.TryParse(Convert.FromHexString(bytes), out _));

    [Fact]
    public void Any_bytes_end_the_walk_and_leave_the_rate_within_its_bounds() =>
        Gen.Select(Gen.Byte.Array[0, 60], Gen.UShort[0, 9000]).Array[1, 40].Sample(packets =>
        {
            var now = new Instant(1);
            var control = new CongestionControl(1_500_000, 100_000, 6_000_000, feedback: true, now);
            for (ushort i = 0; i < 2000; i++)
            {
                control.OnSent(i, 1200, probe: false, now += 500);
            }

            foreach (var (tail, count) in packets)
            {
                byte[] packet = [0x8F, 205, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, (byte)(count & 15), (byte)(count >> 8), (byte)count, .. tail];
                control.OnFeedback(packet, 20_000, now += 50_000);
                control.Tick(20_000, now);
                Assert.InRange(control.Target, 100_000, 6_000_000);
            }
        }, seed: "0000000000001", iter: 500);

    private static List<byte[]> Feedback(ArrivalLog log)
    {
        var packets = new List<byte[]>();
        var buffer = new byte[1500];
        while (true)
        {
            var writer = new RtcpWriter(buffer);
            if (!log.Write(ref writer, 1, 2))
            {
                return packets;
            }

            packets.Add(buffer[..writer.Length]);
        }
    }
}
