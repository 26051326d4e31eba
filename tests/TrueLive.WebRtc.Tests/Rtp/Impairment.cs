using TrueLive.Core.Frames;

namespace TrueLive.WebRtc.Tests.Rtp;

/// <summary>One direction of a simulated path. Times are in microseconds and depend only on the seed.</summary>
internal sealed class Impairment(int seed)
{
    private readonly Random _random = new(seed);
    private readonly PriorityQueue<(byte[] Packet, bool Rtcp), (long At, long Order)> _flight = new();
    private long _order;
    private long _linkFree;
    private long _lastAt;

    public long Delay { get; set; } = 5_000;
    public long Jitter { get; set; }
    public double Loss { get; set; }
    public double Duplicate { get; set; }

    /// <summary>Whether jittered packets may overtake each other.</summary>
    public bool Reorder { get; set; }

    /// <summary>Bit/s; 0 for no limit.</summary>
    public long Bitrate { get; set; }

    /// <summary>Longest time in the bottleneck's queue; packets that would wait longer are dropped.</summary>
    public long MaxQueue { get; set; } = 300_000;
    public bool Cut { get; set; }
    public long Bytes { get; private set; }
    public long Dropped { get; private set; }
    public long LongestQueue { get; set; }

    public void Send(ReadOnlySpan<byte> packet, bool rtcp, long now)
    {
        if (Cut || _random.NextDouble() < Loss)
        {
            Dropped++;
            return;
        }

        var leaves = now;
        if (Bitrate > 0)
        {
            leaves = Math.Max(now, _linkFree) + (packet.Length + 28) * 8_000_000L / Bitrate;
            if (leaves - now > MaxQueue)
            {
                Dropped++;
                return;
            }

            LongestQueue = Math.Max(LongestQueue, leaves - now);
            _linkFree = leaves;
        }

        Bytes += packet.Length;
        var copies = _random.NextDouble() < Duplicate ? 2 : 1;
        for (var i = 0; i < copies; i++)
        {
            var at = leaves + Delay + (Jitter > 0 ? _random.NextInt64(Jitter) : 0);
            if (!Reorder)
            {
                at = _lastAt = Math.Max(at, _lastAt);
            }

            _flight.Enqueue((packet.ToArray(), rtcp), (at, _order++));
        }
    }

    public bool TryReceive(long now, out byte[] packet, out bool rtcp)
    {
        if (_flight.TryPeek(out var item, out var due) && due.At <= now)
        {
            _flight.Dequeue();
            (packet, rtcp) = item;
            return true;
        }

        (packet, rtcp) = ([], false);
        return false;
    }
}

/// <summary>Synthetic coded frames whose bytes all follow from their number, so that a receiver can check them.</summary>
internal static class TestFrames
{
    public static byte[] Make(VideoCodec codec, int number, bool key, int size, int slices = 1)
    {
        var random = new Random(number);
        var frame = new List<byte>();
        if (codec == VideoCodec.Vp8)
        {
            frame.Add((byte)(key ? 0x10 : 0x11));
            frame.AddRange(Noise(random, size));
            return [.. frame];
        }

        if (key)
        {
            frame.AddRange([0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x1F, 0x8C, 0x68, 0, 0, 0, 1, 0x68, 0xCE, 0x3C, 0x80]);
        }

        for (var i = 0; i < slices; i++)
        {
            frame.AddRange([0, 0, 0, 1, (byte)(key ? 0x65 : 0x41), (byte)(i == 0 ? 0x88 : 0x48)]);
            frame.AddRange(Noise(random, size / slices));
        }

        return [.. frame];
    }

    private static byte[] Noise(Random random, int size)
    {
        var noise = new byte[size];
        for (var i = 0; i < size; i++)
        {
            noise[i] = (byte)random.Next(1, 256);
        }

        return noise;
    }
}
