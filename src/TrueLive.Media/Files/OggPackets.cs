using System.Buffers.Binary;

namespace TrueLive.Media.Files;

/// <summary>Takes one Opus packet of 20 ms.</summary>
/// <param name="opus">The packet, valid only during the call.</param>
/// <param name="at">Time of its first sample in the source's time; may be a little below zero.</param>
public delegate void SoundHandler(ReadOnlySpan<byte> opus, TimeSpan at);

/// <summary>
/// Reads the Opus packets out of an Ogg stream (RFC 3533, RFC 7845) that a child process writes, however it is cut into pieces. All packets
/// last 20 ms; those that continue on another page, which sound of this kind never needs, are skipped. Not thread-safe.
/// </summary>
internal sealed class OggPackets(SoundHandler heard)
{
    private const int Rate = 48_000;
    private const int Samples = Rate / 50;
    private const int PageHead = 27;
    private const int Granule = 6;
    private const byte Continued = 1;
    private const byte Whole = 255;

    private readonly byte[] _page = new byte[PageHead + 255 + 255 * 255];
    private int _length;
    private int _preSkip;

    /// <summary>Takes the next bytes.</summary>
    /// <exception cref="InvalidDataException">They are not Ogg.</exception>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var taken = Math.Min(bytes.Length, Missing());
            bytes[..taken].CopyTo(_page.AsSpan(_length));
            _length += taken;
            bytes = bytes[taken..];
            if (_length == PageHead && !_page.AsSpan().StartsWith("OggS"u8))
                throw new InvalidDataException("The sound is not in Ogg.");
            if (Missing() > 0)
                continue;
            Read();
            _length = 0;
        }
    }

    // Bytes up to the next point at which more is known about the page; 0 when it is complete.
    private int Missing()
    {
        if (_length < PageHead)
            return PageHead - _length;
        var body = PageHead + _page[PageHead - 1];
        if (_length < body)
            return body - _length;
        foreach (var lace in _page.AsSpan(PageHead, _page[PageHead - 1]))
            body += lace;
        return body - _length;
    }

    private void Read()
    {
        var laces = _page.AsSpan(PageHead, _page[PageHead - 1]);
        var end = BinaryPrimitives.ReadInt64LittleEndian(_page.AsSpan(Granule));
        var left = laces.Length - laces.Count(Whole);
        var data = _page.AsSpan(PageHead + laces.Length);
        var (from, length, skip) = (0, 0, (_page[Granule - 1] & Continued) != 0);
        foreach (var lace in laces)
        {
            length += lace;
            if (lace == Whole)
                continue;
            if (!skip && length > 0)
                Hand(data.Slice(from, length), end - (long)left * Samples);
            (from, length, skip) = (from + length, 0, false);
            left--;
        }
    }

    private void Hand(ReadOnlySpan<byte> packet, long start)
    {
        if (packet.StartsWith("OpusHead"u8))
            _preSkip = packet.Length >= 12 ? BinaryPrimitives.ReadUInt16LittleEndian(packet[10..]) : 0;
        else if (!packet.StartsWith("OpusTags"u8))
            heard(packet, TimeSpan.FromTicks((long)((Int128)(start - _preSkip) * TimeSpan.TicksPerSecond / Rate)));
    }
}
