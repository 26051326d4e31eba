using System.Text;
using TrueLive.WebRtc.Sctp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Tests.Sctp;

/// <summary>
/// Two sets of data channels joined by a link in memory that delays, loses, duplicates and reorders packets, in virtual time.
/// </summary>
internal sealed class SctpLink
{
    private readonly PriorityQueue<(bool ToA, byte[] Packet), (long Due, long Order)> _wire = new();
    private readonly Random _random;
    private readonly Dictionary<Channel, ChannelEnd> _ends = [];
    private long _order;

    public SctpLink(int seed = 1, double loss = 0, double twice = 0, int delayMs = 10, int jitterMs = 0)
    {
        (_random, Loss, Twice, Delay, Jitter) = (new Random(seed), loss, twice, delayMs, jitterMs);
        A = new DataChannels(true, p => Put(false, p));
        B = new DataChannels(false, p => Put(true, p));
    }

    public DataChannels A { get; }

    public DataChannels B { get; }

    public List<ChannelEnd> OpenedB { get; } = [];

    public double Loss { get; set; }

    public double Twice { get; set; }

    public int Delay { get; set; }

    public int Jitter { get; set; }

    public Instant Now { get; private set; } = new(1);

    public TimeSpan Elapsed => TimeSpan.FromMicroseconds(Now.Microseconds);

    public void Connect(bool both = false)
    {
        A.Connect(Now);
        if (both)
            B.Connect(Now);
        RunUntil(() => A.Association.State == SctpState.Established && B.Association.State == SctpState.Established, 60);
    }

    public (ChannelEnd OnA, ChannelEnd OnB) Open(bool ordered = true, int? maxRepeats = null)
    {
        var a = EndOf(A, A.Open("test", ordered, maxRepeats, Now));
        RunUntil(() => a.IsOpen && OpenedB.Any(c => c.StreamId == a.StreamId), 60);
        return (a, OpenedB.Last(c => c.StreamId == a.StreamId));
    }

    /// <summary>Moves the clock until the condition holds; fails after so many seconds of link time.</summary>
    public void RunUntil(Func<bool> condition, double seconds)
    {
        var end = Elapsed + TimeSpan.FromSeconds(seconds);
        while (!condition())
        {
            Assert.True(Elapsed < end, $"not within {seconds} s of link time");
            Run(0.005);
        }
    }

    public void Run(double seconds)
    {
        var end = Elapsed + TimeSpan.FromSeconds(seconds);
        do
        {
            Now += 5_000;
            while (_wire.TryPeek(out var item, out var key) && key.Due <= Now.Microseconds)
            {
                _wire.Dequeue();
                (item.ToA ? A : B).Receive(item.Packet, Now);
                Tell();
            }
            A.Tick(Now);
            B.Tick(Now);
            Tell();
        }
        while (Elapsed < end);
    }

    private void Tell()
    {
        foreach (var side in new[] { A, B })
        {
            while (side.TryTake(out ChannelEvent happened))
            {
                var end = EndOf(side, happened.Channel);
                if (happened.Kind == ChannelEventKind.Opened && side == B)
                    OpenedB.Add(end);
                else if (happened.Kind == ChannelEventKind.Message)
                    end.MessageReceived?.Invoke(end, happened.Data, happened.IsText);
                else if (happened.Kind == ChannelEventKind.Closed)
                    end.Closed?.Invoke();
            }
        }
    }

    private ChannelEnd EndOf(DataChannels side, Channel channel)
    {
        if (!_ends.TryGetValue(channel, out var end))
            _ends[channel] = end = new ChannelEnd(this, side, channel);
        return end;
    }

    private void Put(bool toA, Span<byte> packet)
    {
        Assert.True(packet.Length <= 1200);
        for (var copies = _random.NextDouble() < Twice ? 2 : 1; copies > 0; copies--)
        {
            if (_random.NextDouble() >= Loss)
                _wire.Enqueue((toA, packet.ToArray()), (Now.Microseconds + (Delay + _random.Next(Jitter + 1)) * 1000, _order++));
        }
    }
}

/// <summary>One end of a channel over a link, as its owner would use it.</summary>
internal sealed class ChannelEnd(SctpLink link, DataChannels side, Channel channel)
{
    public delegate void Message(ChannelEnd end, ReadOnlySpan<byte> data, bool isText);

    public ushort StreamId => channel.StreamId;

    public bool IsOpen => channel.IsOpen;

    public int BufferedAmount => side.Buffered;

    public Message? MessageReceived { get; set; }

    public Action? Closed { get; set; }

    public bool Send(string text) => side.Send(channel, Encoding.UTF8.GetBytes(text), isText: true, link.Now);

    public bool Send(ReadOnlySpan<byte> data) => side.Send(channel, data, isText: false, link.Now);

    public void Close() => side.Close(channel, link.Now);
}
