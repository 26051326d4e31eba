using Microsoft.Extensions.Time.Testing;
using TrueLive.WebRtc.Sctp;

namespace TrueLive.WebRtc.Tests.Sctp;

/// <summary>Two sets of data channels joined by a link in memory that delays, loses, doubles and reorders, on a clock of its own.</summary>
internal sealed class SctpLink
{
    private readonly FakeTimeProvider _time = new();
    private readonly PriorityQueue<(bool ToA, byte[] Packet), (long Due, long Order)> _wire = new();
    private readonly Random _random;
    private long _order;

    public SctpLink(int seed = 1, double loss = 0, double twice = 0, int delayMs = 10, int jitterMs = 0)
    {
        (_random, Loss, Twice, Delay, Jitter) = (new Random(seed), loss, twice, delayMs, jitterMs);
        A = new DataChannels(new object(), true, p => Put(false, p), c => OpenedA.Add(c), _time);
        B = new DataChannels(new object(), false, p => Put(true, p), c => OpenedB.Add(c), _time);
    }

    public DataChannels A { get; }

    public DataChannels B { get; }

    public List<DataChannel> OpenedA { get; } = [];

    public List<DataChannel> OpenedB { get; } = [];

    public double Loss { get; set; }

    public double Twice { get; set; }

    public int Delay { get; set; }

    public int Jitter { get; set; }

    public long Now => _time.GetTimestamp();

    public TimeSpan Elapsed => _time.GetElapsedTime(0);

    public void Connect(bool both = false)
    {
        A.Association.Connect(Now);
        if (both)
            B.Association.Connect(Now);
        RunUntil(() => A.Association.State == SctpState.Established && B.Association.State == SctpState.Established, 60);
    }

    public (DataChannel OnA, DataChannel OnB) Open(bool ordered = true, int? maxRepeats = null)
    {
        var a = A.Open("test", null, ordered, maxRepeats);
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
            _time.Advance(TimeSpan.FromMilliseconds(5));
            while (_wire.TryPeek(out var item, out var key) && key.Due <= Now)
            {
                _wire.Dequeue();
                (item.ToA ? A : B).Association.Receive(item.Packet, Now);
            }
            A.Association.Tick(Now);
            B.Association.Tick(Now);
        }
        while (Elapsed < end);
    }

    private void Put(bool toA, Span<byte> packet)
    {
        Assert.True(packet.Length <= 1200);
        for (var copies = _random.NextDouble() < Twice ? 2 : 1; copies > 0; copies--)
        {
            if (_random.NextDouble() >= Loss)
                _wire.Enqueue((toA, packet.ToArray()), (Now + (Delay + _random.Next(Jitter + 1)) * _time.TimestampFrequency / 1000, _order++));
        }
    }
}
