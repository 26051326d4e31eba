using System.Globalization;
using System.IO.Compression;

namespace TrueLive.Media.Files;

/// <summary>
/// Numbered pictures (PNG or JPEG, all of one kind) in a folder or a ZIP, packed into one video file without encoding them again. They are
/// ordered by name, with numbers in names compared as numbers. No name from a ZIP is ever used as a path.
/// </summary>
public static class ImageSequence
{
    /// <summary>Frames per second of a sequence whose rate is not given.</summary>
    public const double DefaultRate = 25;

    /// <summary>Most pictures in a sequence.</summary>
    public const int MaxPictures = 36_000;

    private const long MaxPicture = 64L << 20;
    private const int MaxName = 255;

    /// <summary>Whether a path is a folder or a ZIP file.</summary>
    public static bool Is(string path)
    {
        if (Directory.Exists(path))
            return true;
        if (!File.Exists(path))
            return false;
        using var file = File.OpenRead(path);
        Span<byte> head = stackalloc byte[4];
        return file.ReadAtLeast(head, 4, throwOnEndOfStream: false) == 4 && head.SequenceEqual("PK\u0003\u0004"u8);
    }

    /// <summary>Packs the pictures into a Matroska file.</summary>
    /// <param name="path">Folder or ZIP file.</param>
    /// <param name="rate">Frames per second, within 1..120.</param>
    /// <param name="output">File to write.</param>
    /// <param name="maxBytes">Most bytes that all pictures together may have.</param>
    /// <param name="cancel">Ends it.</param>
    /// <exception cref="MediaFileException">
    /// There are no pictures, they are of mixed kinds, over a limit, or not readable; the message says which.
    /// </exception>
    public static async Task PackAsync(string path, double rate, string output, long maxBytes, CancellationToken cancel)
    {
        if (rate is not (>= 1 and <= 120))
            throw new MediaFileException("The rate of a picture sequence must be within 1..120 frames per second.");
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(path));
        FfmpegChild? child = null;
        try
        {
            await CopyAsync(path, name, kind => (child = Packer(kind, rate, output)).Input, maxBytes, cancel).ConfigureAwait(false);
            child!.Input.Close();
            if (await child.WaitAsync(cancel).ConfigureAwait(false) != 0)
                throw new MediaFileException($"{name} cannot be read as pictures: {await child.ComplaintAsync().ConfigureAwait(false)}.");
        }
        catch (IOException) when (child is not null && !cancel.IsCancellationRequested)
        {
            throw new MediaFileException($"{name} cannot be read as pictures: {await child.ComplaintAsync().ConfigureAwait(false)}.");
        }
        finally
        {
            if (child is not null)
                await child.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Reads the pictures of a folder or ZIP, in their order, into the stream that is opened for their kind.</summary>
    /// <exception cref="MediaFileException">As for <see cref="PackAsync"/>.</exception>
    internal static async Task CopyAsync(string path, string name, Func<string, Stream> open, long maxBytes, CancellationToken cancel)
    {
        if (Directory.Exists(path))
        {
            var files = new DirectoryInfo(path).EnumerateFiles().Where(f => !f.Attributes.HasFlag(FileAttributes.ReparsePoint)).ToArray();
            await CopyAsync(name, [.. files.Select(f => (f.Name, (Func<Stream>)f.OpenRead))], open, maxBytes, cancel).ConfigureAwait(false);
            return;
        }
        try
        {
            if (ZipDirectory.BytesOf(path) > ZipDirectory.MaxBytes)
                throw new MediaFileException($"{name} holds many more files than the {MaxPictures} pictures that are taken.");
            using var zip = ZipFile.OpenRead(path);
            await CopyAsync(name, [.. zip.Entries.Select(e => (e.FullName, (Func<Stream>)e.Open))], open, maxBytes, cancel)
                .ConfigureAwait(false);
        }
        catch (InvalidDataException broken)
        {
            throw new MediaFileException($"{name} cannot be read as a ZIP file: it is cut off or damaged.", broken);
        }
    }

    private static FfmpegChild Packer(string kind, double rate, string output) => FfmpegChild.Start(
        "ffmpeg", ["-loglevel", "error", "-y", "-protocol_whitelist", "pipe", "-max_pixels",
            MediaFile.MaxPixels.ToString(CultureInfo.InvariantCulture), "-f", kind,
            "-framerate", rate.ToString(CultureInfo.InvariantCulture), "-i", "pipe:0", "-c", "copy", "-fflags", "+bitexact", "-f",
            "matroska", "file:" + Path.GetFullPath(output)],
        TimeSpan.FromHours(1));

    private static async Task CopyAsync(
        string name, IReadOnlyList<(string Name, Func<Stream> Open)> files, Func<string, Stream> open, long left, CancellationToken cancel)
    {
        var pictures = files.Select(f => (File: f, Kind: KindOf(f.Name))).Where(f => f.Kind is not null).ToArray();
        if (pictures.Length == 0)
            throw new MediaFileException($"{name} holds no PNG or JPEG pictures.");
        if (pictures.Select(p => p.Kind).Distinct().Count() > 1)
            throw new MediaFileException($"{name} holds both PNG and JPEG pictures. Leave one kind.");
        if (pictures.FirstOrDefault(p => p.File.Name.Length > MaxName) is { Kind: not null })
            throw new MediaFileException($"{name} holds a picture whose name has more than {MaxName} characters. Give it a shorter one.");
        if (pictures.Length > MaxPictures)
            throw new MediaFileException($"{name} holds {pictures.Length} pictures; at most {MaxPictures} are taken.");
        var to = open(pictures[0].Kind!);
        foreach (var ((entry, from), _) in pictures.OrderBy(p => p.File.Name, NumberedNames.Order))
        {
            using var picture = from();
            left -= await CopyAsync(picture, to, Math.Min(MaxPicture, left), entry, cancel).ConfigureAwait(false);
        }
    }

    // The length that a ZIP declares may be false, so the decompressed bytes are counted.
    private static async Task<long> CopyAsync(Stream from, Stream to, long most, string name, CancellationToken cancel)
    {
        var buffer = new byte[81920];
        var total = 0L;
        int read;
        while ((read = await from.ReadAsync(buffer, cancel).ConfigureAwait(false)) > 0)
        {
            total += read;
            if (total > most)
                throw new MediaFileException($"{Path.GetFileName(name)} makes the pictures larger than the {most >> 20} MB that are " +
                    "left for them.");
            await to.WriteAsync(buffer.AsMemory(0, read), cancel).ConfigureAwait(false);
        }
        return total;
    }

    private static string? KindOf(string name) =>
        Path.GetFileName(name).StartsWith('.') ? null : Path.GetExtension(name).ToLowerInvariant() switch
        {
            ".png" => "png_pipe",
            ".jpg" or ".jpeg" => "jpeg_pipe",
            _ => null,
        };
}
