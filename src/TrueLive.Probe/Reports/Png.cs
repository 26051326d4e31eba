using System.Buffers.Binary;
using System.IO.Compression;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Reports;

/// <summary>Writes 24-bit PNG as a data URI, so that a report needs no other file.</summary>
internal static class Png
{
    private static readonly uint[] CrcTable = MakeTable();

    /// <summary>Three bytes per pixel, row by row.</summary>
    public static string DataUri(byte[] rgb, int width, int height)
    {
        var raw = new byte[(3 * width + 1) * height];
        for (var y = 0; y < height; y++)
            rgb.AsSpan(3 * width * y, 3 * width).CopyTo(raw.AsSpan((3 * width + 1) * y + 1));
        using var packed = new MemoryStream();
        using (var deflate = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
            deflate.Write(raw);
        using var png = new MemoryStream();
        png.Write([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (8, 2);
        Chunk(png, "IHDR"u8, header);
        Chunk(png, "IDAT"u8, packed.ToArray());
        Chunk(png, "IEND"u8, []);
        return "data:image/png;base64," + Convert.ToBase64String(png.GetBuffer(), 0, (int)png.Length);
    }

    /// <summary>A picture at 32 x 18, about 2 kB.</summary>
    public static string Thumbnail(Picture picture)
    {
        const int Width = 32;
        const int Height = 18;
        var rgb = new byte[3 * Width * Height];
        for (var k = 0; k < Width * Height; k++)
        {
            var at = (2 * (k / Width) + 1) * picture.Height / (2 * Height) * picture.Width
                + (2 * (k % Width) + 1) * picture.Width / (2 * Width);
            var (y, u, v) = (picture.Y[at], picture.U[at] - 128, picture.V[at] - 128);
            rgb[3 * k] = (byte)Math.Clamp(y + 1.402f * v, 0, 255);
            rgb[3 * k + 1] = (byte)Math.Clamp(y - 0.344f * u - 0.714f * v, 0, 255);
            rgb[3 * k + 2] = (byte)Math.Clamp(y + 1.772f * u, 0, 255);
        }
        return DataUri(rgb, Width, Height);
    }

    /// <summary>Planar Y'CbCr (BT.601, nominal 0..255) with chroma of half the width and height to a data URI.</summary>
    public static string DataUriOfPlanes(byte[] planes, int width, int height)
    {
        var (n, rgb) = (width * height, new byte[3 * width * height]);
        for (var k = 0; k < n; k++)
        {
            var half = k / width / 2 * (width / 2) + k % width / 2;
            var (y, u, v) = ((float)planes[k], planes[n + half] - 128f, planes[n + n / 4 + half] - 128f);
            rgb[3 * k] = (byte)Math.Clamp(y + 1.402f * v, 0, 255);
            rgb[3 * k + 1] = (byte)Math.Clamp(y - 0.344f * u - 0.714f * v, 0, 255);
            rgb[3 * k + 2] = (byte)Math.Clamp(y + 1.772f * u, 0, 255);
        }
        return DataUri(rgb, width, height);
    }

    private static void Chunk(MemoryStream png, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        png.Write(number);
        png.Write(type);
        png.Write(data);
        var crc = ~Crc(Crc(0xffffffff, type), data);
        BinaryPrimitives.WriteUInt32BigEndian(number, crc);
        png.Write(number);
    }

    private static uint Crc(uint crc, ReadOnlySpan<byte> data)
    {
        foreach (var b in data)
            crc = CrcTable[(crc ^ b) & 0xff] ^ (crc >> 8);
        return crc;
    }

    private static uint[] MakeTable()
    {
        var table = new uint[256];
        for (var n = 0u; n < 256; n++)
        {
            var c = n;
            for (var k = 0; k < 8; k++)
                c = (c & 1) != 0 ? 0xedb88320 ^ (c >> 1) : c >> 1;
            table[n] = c;
        }
        return table;
    }
}
