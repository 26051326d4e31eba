using System.Text;

namespace TrueLive.Media.Files;

/// <summary>
/// Writes what ffmpeg leaves out of a GIF, right after the global colour table: the comment (GIF89a, section 24), and the XMP packet.
/// </summary>
internal static class GifComment
{
    private const int HeadLength = 13;
    private const int BlockLength = 255;

    /// <summary>Copies a GIF and adds the comment, and the digital source type where there is one.</summary>
    /// <exception cref="MediaFileException">The file is not a GIF.</exception>
    public static async Task CopyAsync(string from, string to, string comment, string? sourceType, CancellationToken cancel)
    {
        await using var input = File.OpenRead(from);
        await using var output = File.Create(to);
        var head = new byte[HeadLength];
        if (await input.ReadAtLeastAsync(head, HeadLength, throwOnEndOfStream: false, cancel).ConfigureAwait(false) < HeadLength
            || !head.AsSpan(0, 3).SequenceEqual("GIF"u8))
            throw new MediaFileException("The clip could not be joined: what came out is no GIF.");
        // Three bytes for each of 2, 4, ... 256 colours.
        var colours = new byte[(head[10] & 0x80) == 0 ? 0 : 3 << ((head[10] & 7) + 1)];
        await input.ReadExactlyAsync(colours, cancel).ConfigureAwait(false);
        await output.WriteAsync(head, cancel).ConfigureAwait(false);
        await output.WriteAsync(colours, cancel).ConfigureAwait(false);
        byte[] extension = [0x21, 0xFE, .. Encoding.ASCII.GetBytes(comment).Chunk(BlockLength)
            .SelectMany(block => (byte[])[(byte)block.Length, .. block]), 0];
        await output.WriteAsync(extension, cancel).ConfigureAwait(false);
        if (sourceType is not null)
            await output.WriteAsync(Xmp.InGif(sourceType), cancel).ConfigureAwait(false);
        await input.CopyToAsync(output, cancel).ConfigureAwait(false);
    }
}
