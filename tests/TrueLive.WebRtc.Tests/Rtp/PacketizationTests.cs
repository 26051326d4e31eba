using System.Buffers.Binary;
using CsCheck;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc.Tests.Rtp;

/// <summary>Frames to payloads and back (RFC 6184, RFC 7741), on clean and impaired paths.</summary>
public class PacketizationTests
{
    private const int MaxPayload = 1100;
    private static readonly VideoFormat H264 = new(VideoCodec.H264, 102, 103, "");
    private static readonly VideoFormat Vp8 = new(VideoCodec.Vp8, 96, 97, "");

    // NAL units without zeros, hence without start codes: slices, IDR slices, SEI, parameter sets.
    private static readonly byte[] Headers = [0x41, 0x65, 0x06, 0x67, 0x68];
    private static readonly Gen<byte[][]> Units = Gen.Select(Gen.Int[0, 4], Gen.Int[1, 4000], Gen.Byte[1, 255])
        .Select((header, size, fill) => (byte[])[Headers[header],
            .. Enumerable.Range(0, size).Select(i => (byte)(1 + (fill + i) % 255))]).Array[1, 12];

    [Fact]
    public void Any_access_unit_survives_single_units_aggregates_and_fragments() => Units.Sample(units =>
    {
        var accessUnit = AnnexB(units);
        var depacketizer = new H264Depacketizer(new H264ParameterSets(default));
        using var frame = new FrameBuffer();
        depacketizer.Begin();
        foreach (var payload in Payloads(VideoCodec.H264, accessUnit))
        {
            Assert.InRange(payload.Length, 1, MaxPayload);
            Assert.True(depacketizer.Append(payload, frame));
        }

        // An IDR picture without parameter sets gets the remembered ones; here there are none.
        Assert.Equal(accessUnit, frame.Span.ToArray());
    }, seed: "0000000000001", iter: 500);

    [Fact]
    public void Small_units_share_a_packet_and_large_ones_are_cut_into_equal_pieces()
    {
        var payloads = Payloads(VideoCodec.H264, AnnexB([[0x67, 1, 2], [0x68, 3], [0x65, .. Enumerable.Repeat((byte)7, 2500)]]));

        Assert.Equal([0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 3], payloads[0]);
        Assert.Equal([0x7C, 0x85, 7], payloads[1][..3]);
        Assert.Equal([0x7C, 0x05, 7], payloads[2][..3]);
        Assert.Equal([0x7C, 0x45, 7], payloads[3][..3]);
        Assert.InRange(payloads[1].Length - payloads[3].Length, -2, 2);
        Assert.Equal(4, payloads.Count);
    }

    [Fact]
    public void Access_unit_delimiters_and_filler_are_left_out()
    {
        var payload = Assert.Single(Payloads(VideoCodec.H264, AnnexB([[9, 0xF0], [0x41, 1, 2, 3], [12, 0xFF, 0x80]])));
        Assert.Equal([0x41, 1, 2, 3], payload);
    }

    [Fact]
    public void Any_vp8_frame_survives_with_one_picture_id() => Gen.Byte.Array[1, 6000].Sample(data =>
    {
        var payloads = Payloads(VideoCodec.Vp8, data);
        var whole = new List<byte>();
        foreach (var (payload, i) in payloads.Select((p, i) => (p, i)))
        {
            Assert.True(Vp8Depacketizer.TryParse(payload, out var part, out var start));
            Assert.Equal(i == 0, start);
            Assert.Equal(payloads[0][2..4], payload[2..4]);
            whole.AddRange(part);
        }

        Assert.Equal(data, whole);
    }, seed: "0000000000001", iter: 150);

    [Theory]
    [InlineData(VideoCodec.H264)]
    [InlineData(VideoCodec.Vp8)]
    public void Reordered_and_doubled_packets_give_every_frame_once_and_in_order(VideoCodec codec) =>
        Gen.Select(Gen.Int[1, 1_000_000], Gen.Int[0, 40], Gen.Double[0, 0.5]).Sample((seed, reach, twice) =>
        {
            var random = new Random(seed);
            // Only one key frame: a later complete one may overtake by design.
            var packets = Stream(codec, random.Next(0x10000), frames: 12, keyEvery: 100);
            var arriving = packets.SelectMany(p => Enumerable.Repeat(p, random.NextDouble() < twice ? 2 : 1))
                .Select((p, i) => (p, At: i + random.Next(reach + 1))).OrderBy(p => p.At).Select(p => p.p);

            var (frames, _) = Assemble(codec, arriving);

            Assert.Equal(Enumerable.Range(1, 12), frames.Select(f => f.Number));
        }, seed: "0000000000001", iter: 200);

    [Theory]
    [InlineData(VideoCodec.H264)]
    [InlineData(VideoCodec.Vp8)]
    public void Whatever_is_lost_no_frame_is_shown_whose_reference_is_missing(VideoCodec codec) =>
        Gen.Select(Gen.Int[1, 1_000_000], Gen.Double[0.001, 0.3]).Sample((seed, loss) =>
        {
            var random = new Random(seed);
            var packets = Stream(codec, random.Next(0x10000), frames: 40, keyEvery: 8).Where(_ => random.NextDouble() >= loss).ToList();

            var (frames, _) = Assemble(codec, packets);

            var last = 0;
            foreach (var (number, key) in frames)
            {
                Assert.True(key || number == last + 1, $"{number} after {last}");
                Assert.True(number > last);
                last = number;
            }

            // A key frame whose packets are all there is always shown.
            var whole = packets.GroupBy(p => p.Number).Where(g => g.First().Number % 8 == 1 && g.Count() == g.First().Of)
                .Select(g => g.Key);
            Assert.Subset(frames.Select(f => f.Number).ToHashSet(), whole.ToHashSet());
        }, seed: "0000000000001", iter: 200);

    [Fact]
    public void Any_payloads_are_taken_without_a_throw() => Gen.Select(Gen.Byte, Gen.Byte.Array[0, 60]).Array[1, 60].Sample(payloads =>
    {
        foreach (var format in new[] { H264, Vp8 })
        {
            using var assembler = new FrameAssembler(format);
            var sequence = 65_536L;
            foreach (var (step, payload) in payloads)
            {
                sequence += step % 4;
                Assert.True(RtpPacket.TryParse(Packet((ushort)sequence, (uint)(sequence / 3), step > 200), out var packet));
                assembler.Insert(sequence, packet, payload, null, 0);
                while (assembler.TryTake(out _))
                {
                }
            }
        }
    }, seed: "0000000000001", iter: 500);

    private static List<byte[]> Payloads(VideoCodec codec, byte[] frame)
    {
        var result = new List<byte[]>();
        var buffer = new byte[MaxPayload];
        if (codec == VideoCodec.H264)
        {
            for (var packetizer = new H264Packetizer(frame); !packetizer.AtEnd;)
            {
                result.Add(buffer[..packetizer.Next(buffer)]);
            }
        }
        else
        {
            for (var packetizer = new Vp8Packetizer(frame, 0x1234); !packetizer.AtEnd;)
            {
                result.Add(buffer[..packetizer.Next(buffer)]);
            }
        }

        return result;
    }

    /// <summary>Packets of numbered frames; frame 1 and every <paramref name="keyEvery"/>th after it are key frames.</summary>
    private static List<(long Sequence, int Number, int Of, byte[] Packet, byte[] Payload)> Stream(
        VideoCodec codec, int first, int frames, int keyEvery)
    {
        var result = new List<(long, int, int, byte[], byte[])>();
        var sequence = 65_536L + first;
        for (var number = 1; number <= frames; number++)
        {
            var payloads = Payloads(codec, TestFrames.Make(codec, number, number % keyEvery == 1, 200 + number * 977 % 5000,
                1 + number % 3));
            foreach (var (payload, i) in payloads.Select((p, i) => (p, i)))
            {
                result.Add((sequence, number, payloads.Count,
                    Packet((ushort)sequence, (uint)number * 3000, i == payloads.Count - 1), payload));
                sequence++;
            }
        }

        return result;
    }

    private static (List<(int Number, bool Key)> Frames, long Dropped) Assemble(VideoCodec codec,
        IEnumerable<(long Sequence, int Number, int Of, byte[] Packet, byte[] Payload)> packets)
    {
        var frames = new List<(int, bool)>();
        using var assembler = new FrameAssembler(codec == VideoCodec.H264 ? H264 : Vp8);
        foreach (var item in packets)
        {
            Assert.True(RtpPacket.TryParse(item.Packet, out var packet));
            assembler.Insert(item.Sequence, packet, item.Payload, null, 0);
            while (assembler.TryTake(out var frame))
            {
                var number = (int)(frame.RtpTime / 3000);
                Assert.Equal(TestFrames.Make(codec, number, frame.KeyFrame, 200 + number * 977 % 5000, 1 + number % 3),
                    frame.Data.ToArray());
                frames.Add((number, frame.KeyFrame));
            }
        }

        return (frames, assembler.FramesDropped);
    }

    private static byte[] AnnexB(byte[][] units) => [.. units.SelectMany(u => (byte[])[0, 0, 0, 1, .. u])];

    private static byte[] Packet(ushort sequence, uint timestamp, bool marker)
    {
        var packet = new byte[12];
        (packet[0], packet[1]) = (0x80, (byte)(marker ? 0xE0 : 0x60));
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(4), timestamp);
        return packet;
    }
}
