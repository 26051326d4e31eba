using System.Buffers.Binary;

namespace TrueLive.Media.Codecs;

/// <summary>The segments before a JPEG's first scan (ITU-T T.81 B.2).</summary>
internal static class JpegHead
{
    private const byte Standalone01 = 0x01, FirstRestart = 0xD0, LastRestart = 0xD7, Start = 0xD8, End = 0xD9, Scan = 0xDA;

    // C4, C8 and CC are no frames: tables, an extension, and the conditioning of arithmetic coding.
    private const byte FirstFrame = 0xC0, LastFrame = 0xCF, HuffmanTables = 0xC4, Extension = 0xC8, Conditioning = 0xCC;

    /// <summary>Width and height as the frame header has them; null when there is none before the first scan.</summary>
    public static (int Width, int Height)? SizeOf(ReadOnlySpan<byte> jpeg)
    {
        if (jpeg is not [0xFF, Start, ..])
            return null;
        for (var rest = jpeg[2..]; ;)
        {
            // Decoders pass over bytes between segments, and over padding before a marker.
            if (rest.IndexOf((byte)0xFF) is not (>= 0 and var mark) || rest[mark..].IndexOfAnyExcept((byte)0xFF) is not (> 0 and var fill))
                return null;
            var marker = rest[mark + fill];
            rest = rest[(mark + fill + 1)..];
            if (marker is 0 or Standalone01 or (>= FirstRestart and <= LastRestart))
                continue;
            if (marker is Start or End or Scan || rest.Length < 2 || BinaryPrimitives.ReadUInt16BigEndian(rest) is not (>= 2 and var length)
                || rest.Length < length)
                return null;
            if (marker is >= FirstFrame and <= LastFrame and not (HuffmanTables or Extension or Conditioning))
                return length < 7 ? null
                    : (BinaryPrimitives.ReadUInt16BigEndian(rest[5..]), BinaryPrimitives.ReadUInt16BigEndian(rest[3..]));
            rest = rest[length..];
        }
    }
}
