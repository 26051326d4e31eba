using System.Buffers.Binary;

namespace TrueLive.Media.Files;

/// <summary>
/// Recognises the most common kinds of files by their first bytes. ffmpeg also considers the name, and then takes a photograph for one of a
/// numbered series, or a film for the kind that a wrong extension names.
/// </summary>
internal static class FileSignature
{
    private const int Looked = 64 << 10;

    /// <summary>ffmpeg's demuxer for a file; null leaves the choice to ffmpeg.</summary>
    public static string? DemuxerOf(string path) => DemuxerOf(HeadOf(path), Path.GetExtension(path));

    /// <summary>Whether a file is an animated WebP, by the flag in its extended header.</summary>
    public static bool IsAnimatedWebP(string path) => IsAnimatedWebP(HeadOf(path));

    /// <summary>The kind of a photograph in HEIF or AVIF; null for other files.</summary>
    public static string? PhotographOf(string path) => PhotographOf(HeadOf(path));

    internal static string? DemuxerOf(ReadOnlySpan<byte> head, string ending)
    {
        return head switch
        {
            [0xFF, 0xD8, 0xFF, ..] => ending.ToLowerInvariant() is ".mjpg" or ".mjpeg" ? "mjpeg" : "jpeg_pipe",
            [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => IsAnimatedPng(head) ? "apng" : "png_pipe",
            [(byte)'G', (byte)'I', (byte)'F', (byte)'8', ..] => "gif",
            [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => "webp_pipe",
            [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'A', (byte)'V', (byte)'I', (byte)' ', ..] => "avi",
            [0x1A, 0x45, 0xDF, 0xA3, ..] => "matroska",
            [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', ..] => "mov",
            _ => null,
        };
    }

    internal static bool IsAnimatedWebP(ReadOnlySpan<byte> head) =>
        head is [(byte)'R', _, _, _, _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', (byte)'V', (byte)'P', (byte)'8', (byte)'X', _,
        _, _, _, var flags, ..] && (flags & 2) != 0;

    internal static string? PhotographOf(ReadOnlySpan<byte> head)
    {
        if (head is not [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', var a, var b, var c, var d, ..])
            return null;
        return System.Text.Encoding.Latin1.GetString([a, b, c, d]) switch
        {
            "heic" or "heix" or "heim" or "heis" or "mif1" => "HEIC",
            "avif" => "AVIF",
            _ => null,
        };
    }

    private static bool IsAnimatedPng(ReadOnlySpan<byte> head)
    {
        for (var at = 8; at + 8 <= head.Length;)
        {
            var name = head.Slice(at + 4, 4);
            if (name.SequenceEqual("acTL"u8))
                return true;
            if (name.SequenceEqual("IDAT"u8))
                return false;
            at = (int)Math.Min(head.Length, at + 12L + BinaryPrimitives.ReadUInt32BigEndian(head[at..]));
        }
        return false;
    }

    // Missing or unreadable files are reported when they are opened.
    private static byte[] HeadOf(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            var head = new byte[Math.Min(Looked, file.Length)];
            return head[..file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
