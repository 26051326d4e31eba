using System.Text;
using CsCheck;
using TrueLive.WebRtc.Sctp;

namespace TrueLive.WebRtc.Tests.Sctp;

public sealed class DataChannelTests
{
    [Theory, InlineData(false), InlineData(true)]
    public void One_side_or_both_may_begin(bool both)
    {
        var link = new SctpLink();
        link.Connect(both);
        var (a, b) = link.Open();
        var heard = new List<string>();
        b.MessageReceived = (c, data, text) =>
        {
            heard.Add($"{text}:{Encoding.UTF8.GetString(data)}");
            c.Send("echo " + Encoding.UTF8.GetString(data));
        };
        a.MessageReceived = (_, data, text) => heard.Add($"{text}:{Encoding.UTF8.GetString(data)}");
        Assert.True(a.Send("hello"));
        Assert.True(a.Send(ReadOnlySpan<byte>.Empty));
        Assert.True(a.Send([1, 2]));
        link.RunUntil(() => heard.Count == 6, 2);
        Assert.Equal(["True:hello", "False:", "False:\u0001\u0002", "True:echo hello", "True:echo ", "True:echo \u0001\u0002"], heard);
    }

    [Fact]
    public void Crc32c_of_the_known_text_is_the_known_number() => Assert.Equal(0xE3069283u, Crc32c.Compute("123456789"u8));

    [Fact]
    public void A_message_of_the_largest_size_arrives_whole_and_a_larger_one_is_refused()
    {
        var link = new SctpLink();
        link.Connect();
        var (a, b) = link.Open();
        var data = new byte[SctpAssociation.MaxMessage];
        new Random(1).NextBytes(data);
        byte[]? got = null;
        b.MessageReceived = (_, bytes, _) => got = bytes.ToArray();
        Assert.False(a.Send(new byte[SctpAssociation.MaxMessage + 1]));
        Assert.True(a.Send(data));
        link.RunUntil(() => got is not null, 10);
        Assert.Equal(data, got);
        link.RunUntil(() => a.BufferedAmount == 0, 5);
    }

    [Fact]
    public void On_any_bad_link_a_reliable_channel_loses_nothing_doubles_nothing_and_keeps_the_order() =>
        Gen.Select(Gen.Int[1, 10_000], Gen.Double[0, 0.25], Gen.Double[0, 0.2], Gen.Int[0, 60]).Sample((seed, loss, twice, jitter) =>
        {
            var link = new SctpLink(seed, loss, twice, 15, jitter);
            link.Connect(seed % 2 == 0);
            var (a, b) = link.Open();
            var random = new Random(seed);
            var sent = new List<byte[]>();
            var got = new List<byte[]>();
            b.MessageReceived = (_, bytes, _) => got.Add(bytes.ToArray());
            for (var i = 0; i < 40; i++)
            {
                var data = new byte[random.Next(1, i % 10 == 0 ? 20_000 : 800)];
                random.NextBytes(data);
                sent.Add(data);
                Assert.True(a.Send(data));
                if (i % 4 == 0)
                    link.Run(0.02);
            }
            link.RunUntil(() => got.Count >= 40, 120);
            link.Run(1);
            Assert.Equal(sent, got);
            link.RunUntil(() => a.BufferedAmount == 0, 60);
        }, iter: 40);

    [Fact]
    public void An_unreliable_channel_gives_up_late_messages_and_goes_on()
    {
        var link = new SctpLink(3, loss: 0.3);
        link.Connect();
        var (a, b) = link.Open(ordered: true, maxRepeats: 0);
        var got = new List<int>();
        b.MessageReceived = (_, bytes, _) => got.Add(BitConverter.ToInt32(bytes));
        for (var i = 0; i < 200; i++)
        {
            a.Send(BitConverter.GetBytes(i));
            link.Run(0.02);
        }
        link.Loss = 0;
        a.Send(BitConverter.GetBytes(999));
        link.RunUntil(() => got.LastOrDefault() == 999, 30);
        Assert.Equal(got.Order(), got);
        Assert.InRange(got.Count, 80, 200);
        link.RunUntil(() => a.BufferedAmount == 0, 30);
    }

    [Fact]
    public void A_full_buffer_refuses_and_recovers()
    {
        var link = new SctpLink();
        link.Connect();
        var (a, b) = link.Open();
        var got = 0;
        b.MessageReceived = (_, _, _) => got++;
        link.Loss = 1;
        var sent = 0;
        while (a.Send(new byte[50_000]))
            sent++;
        Assert.InRange(a.BufferedAmount, 900_000, 1 << 20);
        link.Loss = 0;
        link.RunUntil(() => got == sent, 60);
    }

    [Fact]
    public void A_closed_channel_closes_on_both_sides_and_its_number_can_be_used_again()
    {
        var link = new SctpLink(5, loss: 0.2);
        link.Connect();
        var (a, b) = link.Open();
        var closed = 0;
        (a.Closed, b.Closed) = (() => closed++, () => closed++);
        b.Close();
        link.RunUntil(() => closed == 2, 30);
        Assert.False(a.Send("no"));
        var (c, d) = link.Open();
        Assert.Equal(a.StreamId, c.StreamId);
        string? heard = null;
        d.MessageReceived = (_, data, _) => heard = Encoding.UTF8.GetString(data);
        c.Send("again");
        link.RunUntil(() => heard == "again", 30);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    public void The_last_words_of_a_channel_arrive_before_its_end_though_others_fill_the_window(double loss)
    {
        var link = new SctpLink(3, loss);
        link.Connect();
        var (busy, _) = link.Open();
        var (a, b) = link.Open();
        var heard = new List<string>();
        b.MessageReceived = (_, data, _) => heard.Add(Encoding.UTF8.GetString(data));
        b.Closed = () => heard.Add("closed");
        for (var i = 0; i < 8; i++)
            Assert.True(busy.Send(new byte[50_000]));
        Assert.True(a.Send("why"));
        a.Close();
        link.RunUntil(() => heard.Contains("closed"), 60);
        Assert.Equal(["why", "closed"], heard);
    }

    [Fact]
    public void A_peer_that_answers_no_reset_makes_nothing_grow()
    {
        var link = new SctpLink();
        link.Connect();
        link.Open();
        link.Loss = 1;
        for (var i = 0; i < 1000; i++)
            link.B.Association.Reset((ushort)(i % 3), link.Now);
        Assert.InRange(link.B.Association.WaitingResets, 3, 4);
    }

    [Fact]
    public void A_dead_link_ends_the_association()
    {
        var link = new SctpLink();
        link.Connect();
        var (a, _) = link.Open();
        var closed = false;
        a.Closed = () => closed = true;
        link.Loss = 1;
        a.Send("anyone?");
        link.RunUntil(() => closed, 120);
        Assert.Equal(SctpState.Ended, link.A.Association.State);
    }

    [Theory, InlineData(true), InlineData(false)]
    public void Any_bytes_are_taken_without_a_throw_and_a_stranger_does_no_harm(bool stranger) =>
        Gen.Select(Gen.Byte.Array[0, 200], Gen.Int[0, 14]).Sample((bytes, type) =>
        {
            var link = new SctpLink();
            link.Connect();
            var packet = new byte[16 + bytes.Length];
            packet[12] = (byte)(type == 14 ? 192 : type == 13 ? 130 : type);
            (packet[14], packet[15]) = ((byte)((4 + bytes.Length) >> 8), (byte)(4 + bytes.Length));
            bytes.CopyTo(packet, 16);
            if (!stranger)
                System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(4), link.A.Association.LocalTag);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(8), Crc32c.Compute(packet));
            link.A.Receive(packet, link.Now);
            link.A.Receive(bytes, link.Now);
            link.Run(0.05);
            if (!stranger)
                return;
            var (a, b) = link.Open();
            var heard = false;
            b.MessageReceived = (_, _, _) => heard = true;
            a.Send("still here");
            link.RunUntil(() => heard, 10);
        }, iter: 300);
}
