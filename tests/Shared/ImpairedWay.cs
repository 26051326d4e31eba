using System.Net;
using System.Net.Sockets;

namespace TrueLive.Tests.Shared;

/// <summary>
/// One direction of a bad network in real time. Settings apply to packets sent afterwards; randomness follows from the seed.
/// </summary>
internal sealed class ImpairedWay(int seed, TimeProvider time)
{
    // A packet may become due before the one that is waited for; it is then late by at most this.
    private static readonly TimeSpan Grain = TimeSpan.FromMilliseconds(2);

    private readonly PriorityQueue<byte[], (long Due, long Order)> _flight = new();
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly Random _random = new(seed);
    private long _order;
    private long _linkFree;
    private long _lastDue;

    /// <summary>Nothing passes.</summary>
    public bool Cut { get; set; }

    /// <summary>Share of packets lost.</summary>
    public double Loss { get; set; }

    /// <summary>Share of packets that come twice.</summary>
    public double Duplicate { get; set; }

    /// <summary>Longest additional delay of a packet.</summary>
    public TimeSpan Jitter { get; set; }

    /// <summary>Jittered packets overtake each other; otherwise order is kept.</summary>
    public bool Reorder { get; set; }

    /// <summary>Bit/s of the bottleneck; 0 is without limit.</summary>
    public int Bitrate { get; set; }

    /// <summary>The bottleneck's queue; what would wait longer is dropped.</summary>
    public TimeSpan MaxQueue { get; set; } = TimeSpan.FromMilliseconds(300);

    /// <summary>Takes a packet that is sent now.</summary>
    public void Send(ReadOnlySpan<byte> packet)
    {
        lock (_flight)
        {
            if (Cut || _random.NextDouble() < Loss)
                return;
            var (now, leaves) = (time.GetTimestamp(), time.GetTimestamp());
            if (Bitrate > 0)
            {
                // IP and UDP headers take their share as well.
                leaves = Math.Max(now, _linkFree) + Ticks(TimeSpan.FromSeconds((packet.Length + 28) * 8.0 / Bitrate));
                if (leaves - now > Ticks(MaxQueue))
                    return;
                _linkFree = leaves;
            }
            for (var copies = _random.NextDouble() < Duplicate ? 2 : 1; copies > 0; copies--)
            {
                var due = leaves + Ticks(_random.NextDouble() * Jitter);
                if (!Reorder)
                    due = _lastDue = Math.Max(due, _lastDue);
                _flight.Enqueue(packet.ToArray(), (due, _order++));
            }
        }
        _arrived.Release();
    }

    /// <summary>Forwards packets when they are due, until it is stopped.</summary>
    public async Task DeliverAsync(Socket to, Func<SocketAddress?> next, CancellationToken stop)
    {
        while (true)
        {
            byte[]? packet = null;
            var wait = Timeout.InfiniteTimeSpan;
            lock (_flight)
            {
                if (_flight.TryPeek(out _, out var first))
                {
                    wait = time.GetElapsedTime(time.GetTimestamp(), first.Due);
                    packet = wait <= TimeSpan.Zero ? _flight.Dequeue() : null;
                }
            }
            if (packet is not null && next() is { } address)
                await to.SendToAsync(packet, SocketFlags.None, address, stop);
            else if (packet is null && wait == Timeout.InfiniteTimeSpan)
                await _arrived.WaitAsync(stop);
            else if (packet is null)
                await Task.Delay(wait < Grain ? wait : Grain, time, stop);
        }
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);
}
