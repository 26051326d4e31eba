using System.Buffers.Binary;
using System.Text;

namespace TrueLive.Media.Files;

/// <summary>
/// Puts an XMP packet (ISO 16684-1) that names a digital source type in IPTC's words into files, where the third part of that
/// specification, or the format's own, has a place for it.
/// </summary>
public static class Xmp
{
    // A box or a message of this type holds an XMP packet.
    private static ReadOnlySpan<byte> Uuid =>
        [0xBE, 0x7A, 0xCF, 0xCB, 0x97, 0xA9, 0x42, 0xE8, 0x9C, 0x71, 0x99, 0x94, 0x91, 0xE3, 0xAF, 0xAC];

    private const int BoxHead = 8;
    private const int PngHead = 33;
    private const byte Sei = 6;
    private const byte UserData = 5;

    /// <summary>
    /// Adds it to an MP4 or MOV file, behind everything but the index of fragments, which readers look for at the very end. A file whose
    /// last box is not whole stays as it is.
    /// </summary>
    /// <exception cref="IOException">The file cannot be written to; it may then end in half a box, which readers pass over.</exception>
    public static void AddToMp4(string path, string sourceType)
    {
        byte[] content = [.. Uuid, .. Packet(sourceType)];
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        if (IndexOf(file) is not { } index)
            return;
        file.Position = file.Length - index.Length;
        Span<byte> head = stackalloc byte[BoxHead];
        BinaryPrimitives.WriteInt32BigEndian(head, BoxHead + content.Length);
        "uuid"u8.CopyTo(head[4..]);
        file.Write(head);
        file.Write(content);
        file.Write(index);
    }

    /// <summary>
    /// A unit of an H.264 stream with it, without a start code: unregistered user data (ITU-T H.264 annex D), which goes before the
    /// slices of a picture.
    /// </summary>
    public static byte[] InH264(string sourceType)
    {
        byte[] content = [.. Uuid, .. Packet(sourceType)];
        // No two bytes of it are 0, so nothing in it can be taken for a start code.
        return [Sei, UserData, .. Enumerable.Repeat((byte)0xFF, content.Length / 0xFF), (byte)(content.Length % 0xFF), .. content, 0x80];
    }

    /// <summary>A JPEG picture with it.</summary>
    public static byte[] InJpeg(ReadOnlySpan<byte> jpeg, string sourceType)
    {
        byte[] content = [.. "http://ns.adobe.com/xap/1.0/\0"u8, .. Packet(sourceType)];
        // Behind the head of JFIF, which comes first where there is one.
        var at = jpeg is [_, _, 0xFF, 0xE0, var high, var low, ..] ? 4 + (high << 8 | low) : 2;
        return [.. jpeg[..at], 0xFF, 0xE1, (byte)(content.Length + 2 >> 8), (byte)(content.Length + 2), .. content, .. jpeg[at..]];
    }

    /// <summary>The block of a GIF with it (section "GIF" of part 3).</summary>
    internal static byte[] InGif(string sourceType)
    {
        // Readers that know only blocks take each character for a length; from anywhere the last 256 bytes lead them to the end.
        byte[] trailer = [1, .. Enumerable.Range(0, 256).Select(i => (byte)(0xFF - i)), 0];
        return [0x21, 0xFF, 11, .. "XMP DataXMP"u8, .. Packet(sourceType), .. trailer];
    }

    /// <summary>Adds it to each PNG picture of a folder.</summary>
    internal static async Task AddToPngsAsync(string folder, string sourceType, CancellationToken cancel)
    {
        var chunk = InPng(sourceType);
        foreach (var path in Directory.EnumerateFiles(folder, "*.png").ToArray())
        {
            var png = await File.ReadAllBytesAsync(path, cancel).ConfigureAwait(false);
            await using var file = File.OpenWrite(path);
            file.Position = PngHead;
            await file.WriteAsync(chunk, cancel).ConfigureAwait(false);
            await file.WriteAsync(png.AsMemory(PngHead), cancel).ConfigureAwait(false);
        }
    }

    // A chunk of international text: keyword, not compressed, no language, no translated keyword.
    private static byte[] InPng(string sourceType)
    {
        byte[] content = [.. "iTXtXML:com.adobe.xmp"u8, 0, 0, 0, 0, 0, .. Packet(sourceType)];
        var chunk = new byte[4 + content.Length + 4];
        BinaryPrimitives.WriteInt32BigEndian(chunk, content.Length - 4);
        content.CopyTo(chunk, 4);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(4 + content.Length), Crc(content));
        return chunk;
    }

    // The index of fragments, empty where there is none; null where the boxes do not end with the file.
    private static byte[]? IndexOf(FileStream file)
    {
        Span<byte> head = stackalloc byte[2 * BoxHead];
        for (long at = 0, length; at < file.Length; at += length)
        {
            file.Position = at;
            var read = file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
            length = BinaryPrimitives.ReadUInt32BigEndian(head);
            if (length == 1)
                length = BinaryPrimitives.ReadInt64BigEndian(head[BoxHead..]);
            if (read < BoxHead || length < BoxHead || length > file.Length - at)
                return null;
            if (at + length < file.Length || !head[4..BoxHead].SequenceEqual("mfra"u8))
                continue;
            var index = new byte[length];
            file.Position = at;
            file.ReadExactly(index);
            return index;
        }
        return [];
    }

    private static byte[] Packet(string sourceType) => Encoding.UTF8.GetBytes(
        "<?xpacket begin=\"\uFEFF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">"
        + "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description rdf:about=\"\""
        + " xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\""
        + $" Iptc4xmpExt:DigitalSourceType=\"{sourceType}\"/></rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>");

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var one in bytes)
        {
            crc ^= one;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB88320;
        }
        return ~crc;
    }
}
