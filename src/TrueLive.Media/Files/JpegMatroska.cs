using System.Buffers.Binary;
using System.Text;

namespace TrueLive.Media.Files;

/// <summary>
/// Writes JPEG pictures with their times as a Matroska file (RFC 9559, codec <c>V_MJPEG</c>) that any player opens, even if it was cut off.
/// Times are in microseconds. A file that was closed states its duration. Not thread-safe.
/// </summary>
public sealed class JpegMatroska(Stream file, IReadOnlyDictionary<string, string>? tags = null) : IDisposable
{
    // ID, size and a float of eight bytes; until the duration is known, a Void element of the same size is in their place.
    private const int DurationLength = 2 + 8 + 8;

    private bool _begun;
    private long _durationAt;
    private long _pictures;
    private TimeSpan _last;

    /// <summary>Bytes written.</summary>
    public long Bytes { get; private set; }

    /// <summary>Appends a picture.</summary>
    /// <param name="jpeg">The picture; its size may differ from the first one's.</param>
    /// <param name="at">Its time; not earlier than that of the previous picture.</param>
    /// <param name="width">Width of the first picture, for the head of the file.</param>
    /// <param name="height">Height of the first picture.</param>
    public void Write(ReadOnlySpan<byte> jpeg, TimeSpan at, int width, int height)
    {
        if (!_begun)
            Begin(width, height);
        _begun = true;
        (_last, _pictures) = (at, _pictures + 1);
        byte[] time = RawMatroska.Element(0xE7, RawMatroska.Number8((ulong)(at.Ticks / 10)));
        byte[] block = [0xA3, .. RawMatroska.Size(jpeg.Length + 4), 0x81, 0, 0, 0x80];
        Put([.. RawMatroska.Id(0x1F43B675), .. RawMatroska.Size(time.Length + block.Length + jpeg.Length), .. time, .. block]);
        Put(jpeg);
    }

    /// <summary>Passes everything written to the operating system.</summary>
    public void Flush() => file.Flush();

    /// <inheritdoc/>
    public void Dispose()
    {
        using (file)
        {
            if (!_begun || !file.CanSeek)
                return;
            // The last picture is shown for the mean duration of those before it.
            var length = _last + (_pictures > 1 ? _last / (_pictures - 1) : TimeSpan.FromMilliseconds(40));
            var micros = new byte[8];
            BinaryPrimitives.WriteDoubleBigEndian(micros, length.TotalMicroseconds);
            file.Position = _durationAt;
            file.Write(RawMatroska.Element(0x4489, micros));
        }
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        file.Write(bytes);
        Bytes += bytes.Length;
    }

    private void Begin(int width, int height)
    {
        Put([
            .. RawMatroska.Element(0x1A45DFA3, [.. RawMatroska.Element(0x4282, "matroska"u8), .. RawMatroska.Element(0x4287, [4]),
                .. RawMatroska.Element(0x4285, [2])]),
            .. RawMatroska.Id(0x18538067), 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            .. RawMatroska.Element(0x1549A966, [
                .. RawMatroska.Element(0x2AD7B1, RawMatroska.Number(1000)), .. RawMatroska.Element(0x4D80, "TrueLive"u8),
                .. RawMatroska.Element(0x5741, "TrueLive"u8),
                .. RawMatroska.Element(0xEC, new byte[DurationLength - 1 - 8])]),
        ]);
        _durationAt = Bytes - DurationLength;
        byte[] track = [
            .. RawMatroska.Element(0xD7, [1]), .. RawMatroska.Element(0x73C5, [1]), .. RawMatroska.Element(0x83, [1]),
            .. RawMatroska.Element(0x9C, [0]),
            .. RawMatroska.Element(0x86, Encoding.ASCII.GetBytes("V_MJPEG")),
            .. RawMatroska.Element(0xE0, [.. RawMatroska.Element(0xB0, RawMatroska.Number(width)),
                .. RawMatroska.Element(0xBA, RawMatroska.Number(height))])];
        Put(RawMatroska.Element(0x1654AE6B, RawMatroska.Element(0xAE, track)));
        if (tags is { Count: > 0 })
            Put(RawMatroska.Element(0x1254C367, RawMatroska.Element(0x7373,
                [.. RawMatroska.Element(0x63C0, []), .. tags.SelectMany(t => RawMatroska.Element(0x67C8,
                [.. RawMatroska.Element(0x45A3, Encoding.UTF8.GetBytes(t.Key)),
                    .. RawMatroska.Element(0x4487, Encoding.UTF8.GetBytes(t.Value))]))])));
    }
}
