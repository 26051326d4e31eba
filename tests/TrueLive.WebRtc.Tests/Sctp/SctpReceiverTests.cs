using System.Buffers.Binary;
using TrueLive.WebRtc.Sctp;

namespace TrueLive.WebRtc.Tests.Sctp;

/// <summary>How much memory and work a hostile authenticated peer can cause in the receiver (RFC 9260 sections 6.5, 6.9).</summary>
public sealed class SctpReceiverTests
{
    private const byte Middle = 0, End = 1, Begin = 2, Whole = 3, Unordered = 4;
    private const int Most = SctpReceiver.Window + 2 * SctpAssociation.MaxMessage + 2048;

    private readonly SctpReceiver _receiver = new();

    public SctpReceiverTests() => _receiver.Begin(1);

    [Theory]
    [InlineData(1)]
    [InlineData(1100)]
    public void Messages_that_wait_for_a_first_one_that_never_comes_cost_one_window(int size)
    {
        for (var i = 0; i < 400_000; i++)
            Data(_receiver.Cumulative + 1, Whole, stream: (ushort)(i % 1024), sequence: (ushort)(1 + i / 1024), size);
        Assert.InRange(_receiver.Held, SctpReceiver.Window, Most);
        Assert.False(_receiver.TryTake(out _));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Fragments_without_a_beginning_cost_one_window_and_no_more_time_the_more_they_are(bool backwards)
    {
        var began = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 60_000; i++)
            Data((uint)(backwards ? 60_001 - i : 2 + i), Middle, 1, 0, 1);
        // Walking over all earlier data would take minutes.
        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 0, 60);
        Assert.InRange(_receiver.Held, 0, Most);
    }

    [Fact]
    public void Holes_without_end_are_kept_as_a_bounded_list()
    {
        var ranges = new ReceivedTsns();
        ranges.Begin(0);
        for (var tsn = 2L; tsn < 60_000; tsn += 2)
            ranges.Add(tsn);
        Assert.Equal(ReceivedTsns.MaxRanges, ranges.Beyond.Length);
        ranges.Forward(1000);
        Assert.Equal((1000, 1002), (ranges.Cumulative, ranges.Beyond[0].First));
        Assert.True(ranges.Add(1001));
        Assert.Equal(1002, ranges.Cumulative);
    }

    [Fact]
    public void What_has_arrived_is_known_in_whatever_order_it_came()
    {
        var random = new Random(7);
        var ranges = new ReceivedTsns();
        ranges.Begin(0);
        var left = Enumerable.Range(1, 500).Select(n => (long)n).OrderBy(_ => random.Next()).ToList();
        var arrived = new SortedSet<long>();
        foreach (var tsn in left)
        {
            Assert.False(ranges.Contains(tsn));
            Assert.True(ranges.Add(tsn));
            arrived.Add(tsn);
            Assert.True(ranges.Contains(tsn));
            Assert.Equal(Enumerable.Range(1, 501).First(n => !arrived.Contains(n)) - 1, ranges.Cumulative);
            Assert.Equal(arrived.Count - ranges.Cumulative, ranges.Beyond.ToArray().Sum(r => r.Last - r.First + 1));
        }
        Assert.Equal(0, ranges.Beyond.Length);
    }

    [Fact]
    public void The_message_that_all_wait_for_frees_what_they_cost()
    {
        for (ushort i = 1; i <= 500; i++)
            Data(i, Whole, 3, i, 100);
        Assert.Equal(500 * (100 + SctpReceiver.Overhead), _receiver.Held);
        Data(501, Whole, 3, 0, 100);
        Assert.Equal(0, _receiver.Held);
        for (var i = 0; i <= 500; i++)
            Assert.True(_receiver.TryTake(out _));
    }

    [Fact]
    public void What_the_sender_gives_up_and_streams_that_begin_anew_free_what_they_cost()
    {
        Data(2, Begin, 1, 0, 100);
        Data(3, Middle, 1, 0, 100);
        Data(4, Whole, 2, 5, 100);
        Data(5, Whole, 3, 1, 100);
        Forward(3, (1, 0));
        Assert.Equal(2 * (100 + SctpReceiver.Overhead), _receiver.Held);
        Forward(6, (2, 30_000));
        Assert.Equal(100 + SctpReceiver.Overhead, _receiver.Held);
        _receiver.ResetStream(3);
        Assert.Equal(0, _receiver.Held);
    }

    [Fact]
    public void Data_of_a_stream_that_was_not_agreed_on_is_acknowledged_and_thrown_away()
    {
        Data(1, Whole | Unordered, SctpAssociation.Streams, 0, 10);
        Assert.False(_receiver.TryTake(out _));
        Assert.Equal((1u, 0), (_receiver.Cumulative, _receiver.Held));
    }

    [Fact]
    public void A_message_beyond_what_we_take_ends_the_association()
    {
        var link = new SctpLink();
        link.Connect();
        var ended = false;
        link.Open().OnB.Closed = () => ended = true;
        var writer = new SctpPacketWriter(packet => link.B.Receive(packet, link.Now)) { PeerTag = link.B.Association.LocalTag };
        var tsn = link.A.Association.NextTsn;
        for (var i = 0; i <= SctpAssociation.MaxMessage / 1000; i++)
        {
            Assert.Equal(SctpState.Established, link.B.Association.State);
            Chunk(writer.Chunk(SctpChunkType.Data, i == 0 ? Begin : Middle, 1012), tsn++, 0, 1);
            writer.Flush();
        }
        Assert.Equal(SctpState.Ended, link.B.Association.State);
        link.RunUntil(() => ended, 1);
    }

    private void Data(uint tsn, byte flags, ushort stream, ushort sequence, int size)
    {
        Span<byte> value = stackalloc byte[12 + size];
        value.Clear();
        Chunk(value, tsn, stream, sequence);
        _receiver.Receive(flags, value);
    }

    private void Forward(uint tsn, params ReadOnlySpan<(int Stream, int Sequence)> streams)
    {
        var value = new byte[4 + 4 * streams.Length];
        BinaryPrimitives.WriteUInt32BigEndian(value, tsn);
        for (var i = 0; i < streams.Length; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(value.AsSpan(4 + 4 * i), (ushort)streams[i].Stream);
            BinaryPrimitives.WriteUInt16BigEndian(value.AsSpan(6 + 4 * i), (ushort)streams[i].Sequence);
        }
        _receiver.Forward(value);
    }

    private static void Chunk(Span<byte> value, uint tsn, ushort stream, ushort sequence)
    {
        BinaryPrimitives.WriteUInt32BigEndian(value, tsn);
        BinaryPrimitives.WriteUInt16BigEndian(value[4..], stream);
        BinaryPrimitives.WriteUInt16BigEndian(value[6..], sequence);
    }
}
