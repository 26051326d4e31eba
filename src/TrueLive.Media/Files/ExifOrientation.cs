using System.Buffers.Binary;

namespace TrueLive.Media.Files;

/// <summary>
/// How a camera was held when it took a PNG or WebP picture (EXIF, tag 274). Browsers rotate such pictures, whereas ffmpeg before version 8
/// rotates only JPEG ones.
/// </summary>
internal static class ExifOrientation
{
    private const int Upright = 1;
    private const int MaxChunks = 4096;
    private const int Looked = 64 << 10;
    private const ushort Tag = 0x0112;

    /// <summary>1 to 8 as in EXIF; 1 for an upright picture, or when the file does not say.</summary>
    public static int Of(string path)
    {
        using var file = File.OpenRead(path);
        return Of(file);
    }

    internal static int Of(Stream file)
    {
        Span<byte> head = stackalloc byte[12];
        if (file.ReadAtLeast(head, 12, throwOnEndOfStream: false) < 12)
            return Upright;
        var png = head[1..4].SequenceEqual("PNG"u8);
        if (png)
            file.Position = 8;
        else if (!head[8..].SequenceEqual("WEBP"u8))
            return Upright;
        for (var i = 0; i < MaxChunks && file.ReadAtLeast(head[..8], 8, throwOnEndOfStream: false) == 8; i++)
        {
            var name = png ? head[4..8] : head[..4];
            var length = png ? BinaryPrimitives.ReadUInt32BigEndian(head) : BinaryPrimitives.ReadUInt32LittleEndian(head[4..]);
            if (name.SequenceEqual(png ? "eXIf"u8 : "EXIF"u8))
            {
                var exif = new byte[Math.Min(length, Looked)];
                return OfTiff(exif.AsSpan(0, file.ReadAtLeast(exif, exif.Length, throwOnEndOfStream: false)));
            }
            // A checksum follows in PNG; in RIFF, a padding byte if the length is odd.
            var next = file.Position + length + (png ? 4 : length & 1);
            if (next >= file.Length)
                break;
            file.Position = next;
        }
        return Upright;
    }

    private static int OfTiff(ReadOnlySpan<byte> tiff)
    {
        if (tiff.StartsWith("Exif\0\0"u8))
            tiff = tiff[6..];
        if (tiff.Length < 8 || !(tiff.StartsWith("II*\0"u8) || tiff.StartsWith("MM\0*"u8)))
            return Upright;
        var little = tiff[0] == 'I';
        var at = little ? BinaryPrimitives.ReadUInt32LittleEndian(tiff[4..]) : BinaryPrimitives.ReadUInt32BigEndian(tiff[4..]);
        if (at > tiff.Length - 2)
            return Upright;
        var entries = Short(tiff[(int)at..]);
        tiff = tiff[((int)at + 2)..];
        for (; entries > 0 && tiff.Length >= 12; entries--, tiff = tiff[12..])
        {
            if (Short(tiff) == Tag)
                return Short(tiff[8..]) is >= 1 and <= 8 and var orientation ? orientation : Upright;
        }
        return Upright;

        int Short(ReadOnlySpan<byte> bytes) =>
            little ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
    }
}
