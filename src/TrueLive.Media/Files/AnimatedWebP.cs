using System.Buffers.Binary;

namespace TrueLive.Media.Files;

/// <summary>
/// A part of an animated WebP file: its place in the canvas, how long it is shown, and how it is drawn over what is there.
/// </summary>
/// <param name="X">Left edge in the canvas.</param>
/// <param name="Y">Upper edge.</param>
/// <param name="Width">Width.</param>
/// <param name="Height">Height.</param>
/// <param name="Shown">Time for which it is shown.</param>
/// <param name="Blends">Whether it is blended with what is there; false replaces that.</param>
/// <param name="Clears">Whether its rectangle is made transparent afterwards.</param>
/// <param name="At">Offset of its chunks in the file.</param>
/// <param name="Length">Length of its chunks, in bytes.</param>
internal readonly record struct WebPPart(
    int X, int Y, int Width, int Height, TimeSpan Shown, bool Blends, bool Clears, long At, int Length);

/// <summary>
/// Animated WebP, which ffmpeg does not compose: the parts are taken out of the container (RFC 9649), decoded by ffmpeg as single pictures,
/// and drawn over each other here.
/// </summary>
internal sealed record AnimatedWebP(int Width, int Height, IReadOnlyList<WebPPart> Parts)
{
    private const int PartHead = 16;
    private const int MaxPart = 64 << 20;

    // Browsers use this instead of a duration of up to ten milliseconds, which nobody intends.
    private static readonly TimeSpan Unmeant = TimeSpan.FromMilliseconds(100);

    /// <summary>Reads the container.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or over a limit; the message says which, as a part of a sentence.</exception>
    public static AnimatedWebP Read(Stream file)
    {
        Span<byte> head = stackalloc byte[12];
        if (file.ReadAtLeast(head, 12, throwOnEndOfStream: false) < 12 || !head.StartsWith("RIFF"u8) || !head[8..].SequenceEqual("WEBP"u8))
            throw new InvalidDataException("it is no WebP picture");
        var (width, height) = (0, 0);
        var parts = new List<WebPPart>();
        Span<byte> fields = stackalloc byte[PartHead];
        while (file.ReadAtLeast(head[..8], 8, throwOnEndOfStream: false) == 8)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(head[4..]);
            var next = file.Position + length + (length & 1);
            if (head.StartsWith("VP8X"u8) && width == 0)
            {
                Fill(file, fields[..10]);
                (width, height) = (1 + Int24(fields[4..]), 1 + Int24(fields[7..]));
                if ((long)width * height > MediaFile.MaxPixels)
                    throw new InvalidDataException($"it is {width}x{height}, and at most {MediaFile.MaxPixels / 1_000_000} million " +
                        "pixels are taken");
            }
            else if (head.StartsWith("ANMF"u8))
            {
                if (length is < PartHead or > MaxPart || next > file.Length + 1)
                    throw new InvalidDataException("it is cut off or damaged");
                Fill(file, fields);
                var shown = TimeSpan.FromMilliseconds(Int24(fields[12..]));
                var part = new WebPPart(2 * Int24(fields), 2 * Int24(fields[3..]), 1 + Int24(fields[6..]), 1 + Int24(fields[9..]),
                    shown.TotalMilliseconds > 10 ? shown : Unmeant,
                    (fields[15] & 2) == 0, (fields[15] & 1) != 0, file.Position, (int)length - PartHead);
                if (part.X + part.Width > width || part.Y + part.Height > height)
                    throw new InvalidDataException("a picture of it lies outside of its canvas");
                parts.Add(part);
                if (parts.Count > ImageSequence.MaxPictures)
                    throw new InvalidDataException($"it holds more than the {ImageSequence.MaxPictures} pictures that are taken");
            }
            file.Position = Math.Min(next, file.Length);
        }
        return parts.Count > 0 ? new AnimatedWebP(width, height, parts) : throw new InvalidDataException("it holds no picture");
    }

    /// <summary>A part as a separate WebP file.</summary>
    /// <exception cref="InvalidDataException">The part holds no picture.</exception>
    public static byte[] Single(Stream file, in WebPPart part)
    {
        file.Position = part.At;
        var chunks = new byte[part.Length];
        Fill(file, chunks);
        var (alpha, picture) = (Range.EndAt(0), Range.EndAt(0));
        for (var at = 0; at + 8 <= chunks.Length;)
        {
            var name = chunks.AsSpan(at, 4);
            var end = at + 8L + BinaryPrimitives.ReadUInt32LittleEndian(chunks.AsSpan(at + 4));
            if (end > chunks.Length)
                break;
            if (name.SequenceEqual("ALPH"u8))
                alpha = at..(int)end;
            else if (name.SequenceEqual("VP8 "u8) || name.SequenceEqual("VP8L"u8))
                picture = at..(int)end;
            at = (int)(end + (end & 1));
        }
        var (over, colours) = (chunks[alpha], chunks[picture]);
        if (colours.Length == 0)
            throw new InvalidDataException("a picture of it is damaged");
        byte[] head = over.Length == 0
            ? []
            : [.. "VP8X"u8, 10, 0, 0, 0, 0x10, 0, 0, 0, .. Bytes24(part.Width - 1), .. Bytes24(part.Height - 1)];
        byte[] body = [.. "WEBP"u8, .. head, .. over, .. new byte[over.Length & 1], .. colours, .. new byte[colours.Length & 1]];
        var size = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(size, body.Length);
        return [.. "RIFF"u8, .. size, .. body];
    }

    /// <summary>Draws a part on the canvas. Both are BGRA; the part lies at the upper left of a picture as wide as the canvas.</summary>
    public void Lay(ReadOnlySpan<byte> picture, Span<byte> canvas, in WebPPart part)
    {
        for (var y = 0; y < part.Height; y++)
        {
            var from = picture.Slice(4 * y * Width, 4 * part.Width);
            var to = canvas.Slice(4 * ((part.Y + y) * Width + part.X), 4 * part.Width);
            if (!part.Blends)
                from.CopyTo(to);
            else
                Blend(from, to);
        }
    }

    /// <summary>Makes a part's rectangle transparent where the file asks for it.</summary>
    public void Clear(Span<byte> canvas, in WebPPart part)
    {
        for (var y = 0; part.Clears && y < part.Height; y++)
            canvas.Slice(4 * ((part.Y + y) * Width + part.X), 4 * part.Width).Clear();
    }

    private static void Blend(ReadOnlySpan<byte> from, Span<byte> to)
    {
        for (var i = 0; i < from.Length; i += 4)
        {
            int over = from[i + 3], under = to[i + 3] * (255 - over) / 255, alpha = over + under;
            for (var c = 0; c < 3 && over > 0; c++)
                to[i + c] = (byte)((from[i + c] * over + to[i + c] * under) / alpha);
            to[i + 3] = (byte)alpha;
        }
    }

    private static void Fill(Stream file, Span<byte> bytes)
    {
        if (file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
            throw new InvalidDataException("it is cut off or damaged");
    }

    private static int Int24(ReadOnlySpan<byte> bytes) => bytes[0] | bytes[1] << 8 | bytes[2] << 16;

    private static byte[] Bytes24(int value) => [(byte)value, (byte)(value >> 8), (byte)(value >> 16)];
}
