using System.Buffers.Binary;
using System.Text;
using TrueLive.Core.Frames;

namespace TrueLive.Media.Files;

/// <summary>
/// Writes uncompressed frames (I420, or BGRA with transparency) with their times as Matroska (RFC 9559, codec <c>V_UNCOMPRESSED</c>), to
/// carry exact presentation times into an ffmpeg pipe: raw video has none. Times are in microseconds. Each frame states a duration, too,
/// because libvpx and libaom refuse frames without one, and ffmpeg 7 can estimate it only if several small frames fit into its probe.
/// </summary>
internal sealed class RawMatroska(int width, int height, bool hasAlpha = false)
{
    private const int FrameNanoseconds = 40_000_000;
    private const int HeadRoom = 64;

    private readonly byte[] _frame = GC.AllocateUninitializedArray<byte>(HeadRoom
        + (hasAlpha ? 4 * width * height : width * height + 2 * ((width + 1) / 2) * ((height + 1) / 2)));

    /// <summary>The header of the file, written once.</summary>
    public byte[] Header()
    {
        var track = Element(0xAE, [
            .. Element(0xD7, [1]),
            .. Element(0x73C5, [1]),
            .. Element(0x83, [1]),
            .. Element(0x9C, [0]),
            .. Element(0x23E383, Number(FrameNanoseconds)),
            .. Element(0x86, Encoding.ASCII.GetBytes("V_UNCOMPRESSED")),
            .. Element(0xE0, [.. Element(0xB0, Number(width)), .. Element(0xBA, Number(height)),
                .. Element(0x2EB524, hasAlpha ? "BGRA"u8 : "I420"u8),
                .. hasAlpha
                    ? []
                    : Element(0x55B0, [.. Element(0x55B1, [1]), .. Element(0x55B9, [1]), .. Element(0x55BA, [1]),
                    .. Element(0x55BB, [1])])]),
        ]);
        return [
            .. Element(0x1A45DFA3, [.. Element(0x4282, "matroska"u8), .. Element(0x4287, [4]), .. Element(0x4285, [2])]),
            .. Id(0x18538067), 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            .. Element(0x1549A966, [.. Element(0x2AD7B1, Number(1000)), .. Element(0x4D80, "TrueLive"u8),
                .. Element(0x5741, "TrueLive"u8)]),
            .. Element(0x1654AE6B, track),
        ];
    }

    /// <summary>One frame in BGRA as a cluster of its own; valid until the next call.</summary>
    public ReadOnlyMemory<byte> Frame(ReadOnlySpan<byte> bgra, TimeSpan at)
    {
        bgra.CopyTo(_frame.AsSpan(HeadRoom));
        return Behind(at);
    }

    /// <summary>One frame as a cluster of its own; valid until the next call.</summary>
    public ReadOnlyMemory<byte> Frame(VideoFrame frame, TimeSpan at)
    {
        var to = _frame.AsSpan(HeadRoom);
        to = Plane(frame.Y, to, frame.StrideY, width, height);
        to = Plane(frame.U, to, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight);
        Plane(frame.V, to, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight);
        return Behind(at);

        static Span<byte> Plane(Span<byte> from, Span<byte> to, int stride, int width, int height)
        {
            for (var y = 0; y < height; y++)
                from.Slice(y * stride, width).CopyTo(to[(y * width)..]);
            return to[(width * height)..];
        }
    }

    private ReadOnlyMemory<byte> Behind(TimeSpan at)
    {
        var pixels = _frame.Length - HeadRoom;
        Span<byte> head = [
            .. Id(0x1F43B675), .. Size(TimeElement + BlockHead + pixels),
            .. Element(0xE7, Number8((ulong)(at.Ticks / 10))),
            0xA3, .. Size(pixels + 4), 0x81, 0, 0, 0x80];
        var start = HeadRoom - head.Length;
        head.CopyTo(_frame.AsSpan(start));
        return _frame.AsMemory(start);
    }

    private const int SizeLength = 8;
    private const int TimeElement = 1 + SizeLength + 8;
    private const int BlockHead = 1 + SizeLength + 4;

    internal static byte[] Element(uint id, ReadOnlySpan<byte> content) => [.. Id(id), .. Size(content.Length), .. content];

    internal static byte[] Id(uint id)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, id);
        return bytes.TrimStart((byte)0).ToArray();
    }

    internal static byte[] Size(long size)
    {
        var bytes = new byte[SizeLength];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, (ulong)size | 1UL << 56);
        return bytes;
    }

    internal static byte[] Number(int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes.ToArray();
    }

    internal static byte[] Number8(ulong value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
