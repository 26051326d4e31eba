using TrueLive.Tests.Shared;

namespace TrueLive.Media.Tests.Codecs;

/// <summary>Cuts files of other encoders into RTP packets, plainly: one unit a packet, or fragments of it (RFC 6184, RFC 7741).</summary>
internal static class ForeignPackets
{
    private const int MaxPayload = 1100;

    /// <summary>Access units of an Annex B file that begin with delimiters, which are left out.</summary>
    public static List<List<byte[]>> AccessUnits(byte[] file)
    {
        var units = new List<List<byte[]>>();
        var starts = new List<int>();
        for (var at = 0; ;)
        {
            var next = file.AsSpan(at).IndexOf((ReadOnlySpan<byte>)[0, 0, 1]);
            if (next < 0)
                break;
            starts.Add(at += next + 3);
        }
        foreach (var (start, end) in starts.Zip(starts.Skip(1).Select(s => s - 3).Append(file.Length)))
        {
            var unit = file.AsSpan(start, end - start).TrimEnd((byte)0).ToArray();
            if (Kind(unit) == 9)
                units.Add([]);
            else
                units[^1].Add(unit);
        }
        return units;
    }

    public static int Kind(byte[] unit) => unit[0] & 31;

    /// <param name="units">Pictures.</param>
    /// <param name="sequence">Number of the first packet.</param>
    /// <param name="stamp">Time of the first picture.</param>
    /// <param name="step">90 kHz ticks from picture to picture.</param>
    /// <param name="markAll">Whether each unit has the marker, as with senders that take a unit for a picture.</param>
    public static List<SentPacket> OfH264(
        IEnumerable<List<byte[]>> units, int sequence = 1000, uint stamp = 90_000, uint step = 3000, bool markAll = false)
    {
        var packets = new List<SentPacket>();
        foreach (var picture in units)
        {
            foreach (var unit in picture)
            {
                var payloads = unit.Length <= MaxPayload ? [unit] : Fragments(unit);
                for (var i = 0; i < payloads.Count; i++)
                    packets.Add(new SentPacket((ushort)sequence++, stamp, i == payloads.Count - 1 && (markAll || unit == picture[^1]),
                        payloads[i]));
            }
            stamp += step;
        }
        return packets;
    }

    /// <summary>Frames of an IVF file.</summary>
    public static List<SentPacket> OfVp8(byte[] ivf, int sequence = 1000, uint stamp = 90_000, uint step = 3000)
    {
        var packets = new List<SentPacket>();
        for (int at = 32, size; at < ivf.Length; at += 12 + size, stamp += step)
        {
            size = BitConverter.ToInt32(ivf, at);
            for (var part = 0; part < size; part += MaxPayload)
            {
                var end = Math.Min(size, part + MaxPayload);
                packets.Add(new SentPacket((ushort)sequence++, stamp, end == size,
                    [(byte)(part == 0 ? 0x10 : 0), .. ivf.AsSpan(at + 12 + part, end - part)]));
            }
        }
        return packets;
    }

    private static List<byte[]> Fragments(byte[] unit)
    {
        var fragments = new List<byte[]>();
        for (var at = 1; at < unit.Length; at += MaxPayload)
        {
            var end = Math.Min(unit.Length, at + MaxPayload);
            var flags = (at == 1 ? 0x80 : 0) | (end == unit.Length ? 0x40 : 0);
            fragments.Add([(byte)(unit[0] & 0xE0 | 28), (byte)(flags | unit[0] & 31), .. unit.AsSpan(at, end - at)]);
        }
        return fragments;
    }
}
