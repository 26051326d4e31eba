using TrueLive.Server.Streams.Rtmp;

namespace TrueLive.Server.Tests.Streams;

/// <summary>Chunks of RTMP are put together to the messages that were sent, whatever pieces they come in, and within bounds.</summary>
public sealed class RtmpChunkTests
{
    private static readonly int[] Ids = [2, 3, 4, 63, 64, 319, 320, 65_599];
    private static readonly RtmpType[] Types = [RtmpType.Audio, RtmpType.Video, RtmpType.Command, RtmpType.Acknowledgement];

    [Fact]
    public void Any_split_of_the_bytes_gives_the_messages_that_were_sent()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var (bytes, sent) = Conversation(random);
            Assert.Equal(sent, Read(new RtmpChunkReader(), [bytes]));
            var pieces = new List<byte[]>();
            for (var at = 0; at < bytes.Length;)
            {
                var length = Math.Min(random.Next(10) == 0 ? 5000 : random.Next(1, 30), bytes.Length - at);
                pieces.Add(bytes[at..(at + length)]);
                at += length;
            }
            Assert.Equal(sent, Read(new RtmpChunkReader(), pieces));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_extended_time_may_be_left_out_of_the_chunks_that_go_on(bool repeats)
    {
        var writer = new RtmpBytes(repeats);
        var body = Enumerable.Range(0, 300).Select(i => (byte)i).ToArray();
        byte[] bytes =
        [
            .. writer.Message(4, new(RtmpType.Video, 1, 0x01000000, body)), .. writer.Message(4, new(RtmpType.Video, 1, 0x01000021, body)),
            .. writer.Message(4, new(RtmpType.Video, 1, 0x01000042, body)), .. writer.Message(4, new(RtmpType.Video, 1, 0xFFFFFFF0, body)),
            .. writer.Message(4, new(RtmpType.Video, 1, 0x00000010, body)),
        ];
        var read = Read(new RtmpChunkReader(), bytes.Select(b => new[] { b }));
        Assert.Equal([0x01000000, 0x01000021, 0x01000042, 0xFFFFFFF0, 0x00000010], read.Select(m => m.Time));
        Assert.All(read, m => Assert.Equal(Convert.ToHexString(body), m.Body));
    }

    [Fact]
    public void A_message_that_is_aborted_or_begun_again_is_given_up()
    {
        var writer = new RtmpBytes();
        var long1 = writer.Chunks(4, new(RtmpType.Video, 1, 10, new byte[500]))[0];
        var abort = new RtmpBytes().Message(2, new(RtmpType.Abort, 0, 0, RtmpBytes.Number(4)));
        var whole = writer.Message(4, new(RtmpType.Video, 1, 20, (byte[])[1, 2, 3]), shortest: false);
        foreach (var bytes in new byte[][] { [.. long1, .. abort, .. whole], [.. long1, .. whole] })
            Assert.Equal([(RtmpType.Video, 1u, 20u, "010203")], Read(new RtmpChunkReader(), [bytes]));
    }

    [Theory]
    [InlineData("03000000010001140000000000", "65,537 bytes")]
    [InlineData("C3", "not RTMP")]
    [InlineData("83000000", "not RTMP")]
    [InlineData("020000000000040100000000" + "00000000", "no size")]
    [InlineData("020000000000040100000000" + "80000000", "no size")]
    [InlineData("020000000000020100000000" + "0000", "too short")]
    public void What_is_no_RTMP_or_too_large_ends_the_connection(string hex, string words) => Assert.Contains(words,
        Assert.Throws<RtmpException>(() => Read(new RtmpChunkReader(), [Convert.FromHexString(hex)])).Message, StringComparison.Ordinal);

    [Fact]
    public void Messages_that_never_become_whole_take_little_memory()
    {
        var (writer, reader) = (new RtmpBytes { ChunkSize = 60_000 }, new RtmpChunkReader());
        byte[] size = new RtmpBytes().Message(2, new(RtmpType.SetChunkSize, 0, 0, RtmpBytes.Number(60_000)));
        var open = Enumerable.Range(0, 3).Select(i => writer.Chunks(10 + i, new(RtmpType.Audio, 1, 0, new byte[65_000]))[0]);
        Assert.Contains("at once", Assert.Throws<RtmpException>(() => Read(reader, [size, .. open])).Message, StringComparison.Ordinal);
        var many = Enumerable.Range(0, 40).Select(i => writer.Message(100 + i, new(RtmpType.Audio, 1, 0, new byte[1])));
        Assert.Throws<RtmpException>(() => Read(new RtmpChunkReader(), many));
    }

    [Fact]
    public void A_command_is_read_as_far_as_it_can_be_and_within_bounds()
    {
        // OBS 29 closes the list of codecs as if it were an object.
        byte[] command =
        [
            .. Amf0.Write("connect", 1d), 3, 0, 3, .. "app"u8, .. Amf0.Write("live"), 0, 10, .. "fourCcList"u8, 10, 0, 0, 0, 1,
            .. Amf0.Write("hvc1"), 0, 0, 9, 0, 0, 9,
        ];
        var values = Amf0.Read(command);
        Assert.Equal("live", Assert.IsType<Dictionary<string, object?>>(values[2])["app"]);
        byte[] deep = [.. Enumerable.Repeat<byte[]>([3, 0, 1, (byte)'a'], 1000).SelectMany(b => b)];
        Assert.Empty(Amf0.Read(deep));
        Assert.Empty(Amf0.Read([10, 0xFF, 0xFF, 0xFF, 0xFF, .. Enumerable.Repeat((byte)5, 1000)]));
        Assert.Empty(Amf0.Read([12, 0x7F, 0xFF, 0xFF, 0xFF, .. new byte[100]]));
    }

    private static (byte[] Bytes, List<(RtmpType, uint, uint, string)> Sent) Conversation(Random random)
    {
        var (writer, bytes, sent) = (new RtmpBytes(), new List<byte>(), new List<(RtmpType, uint, uint, string)>());
        var time = (uint)random.NextInt64(1L << 32);
        for (var round = 0; round < 6; round++)
        {
            // Messages of several chunk streams come in turns, chunk by chunk.
            var open = Ids.Where(_ => random.Next(3) == 0).Select(id =>
            {
                var body = new byte[random.Next(4) == 0 ? 0 : random.Next(400)];
                random.NextBytes(body);
                time += (uint)random.Next(3) * 20;
                var message = new RtmpMessage(Types[random.Next(Types.Length)], (uint)random.Next(2), time, body);
                return (Message: message, Chunks: new Queue<byte[]>(writer.Chunks(id, message, random.Next(4) > 0)));
            }).ToList();
            while (open.Count > 0)
            {
                var next = open[random.Next(open.Count)];
                bytes.AddRange(next.Chunks.Dequeue());
                if (next.Chunks.Count > 0)
                    continue;
                open.Remove(next);
                sent.Add((next.Message.Type, next.Message.Stream, next.Message.Time, Convert.ToHexString(next.Message.Body.Span)));
            }
            var size = random.Next(1, 300);
            bytes.AddRange(writer.Message(2, new(RtmpType.SetChunkSize, 0, 0, RtmpBytes.Number((uint)size)), shortest: false));
            writer.ChunkSize = size;
        }
        return ([.. bytes], sent);
    }

    // As a connection does: what was not used is given again with more behind it.
    private static List<(RtmpType Type, uint Stream, uint Time, string Body)> Read(RtmpChunkReader reader, IEnumerable<byte[]> pieces)
    {
        var (rest, messages) = (Array.Empty<byte>(), new List<(RtmpType, uint, uint, string)>());
        foreach (var piece in pieces)
        {
            rest = [.. rest, .. piece];
            while (true)
            {
                var whole = reader.Read(rest, out var used, out var message);
                rest = rest[used..];
                if (!whole)
                    break;
                messages.Add((message.Type, message.Stream, message.Time, Convert.ToHexString(message.Body.Span)));
            }
        }
        return messages;
    }
}
