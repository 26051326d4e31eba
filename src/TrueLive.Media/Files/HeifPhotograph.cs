using System.Buffers.Binary;

namespace TrueLive.Media.Files;

/// <summary>
/// Converts HEIC photographs with libheif's own program where it is installed: phones store them as tiles, which ffmpeg before version 8
/// does not put together, and before version 7 does not read at all.
/// </summary>
internal static class HeifPhotograph
{
    private const string Input = "photograph.heic";
    private const string Output = "picture.png";
    private static readonly TimeSpan Time = TimeSpan.FromMinutes(1);

    // The second is its name from libheif 1.19 on.
    private static readonly string[] Names = ["heif-convert", "heif-dec"];

    /// <summary>Whether a file is such a photograph, and this machine has the program for it.</summary>
    public static bool IsTaken(string path) => FileSignature.PhotographOf(path) == "HEIC" && Tool() is not null;

    /// <summary>Writes it as PNG, upright.</summary>
    /// <exception cref="MediaFileException">It cannot be read; the message says why.</exception>
    public static async Task ConvertAsync(string path, string output, CancellationToken cancel)
    {
        var name = Path.GetFileName(path);
        var folder = Directory.CreateDirectory(output + ".heif").FullName;
        try
        {
            File.Copy(path, Path.Combine(folder, Input));
            await using var child = FfmpegChild.Start(Tool() ?? Names[0], [Input, Output], Time, background: true, folder: folder,
                writes: true);
            await child.Output.CopyToAsync(Stream.Null, cancel).ConfigureAwait(false);
            if (await child.WaitAsync(cancel).ConfigureAwait(false) != 0)
                throw await child.FailureAsync($"{name} cannot be read as a photograph").ConfigureAwait(false);
            // If there are several pictures, each goes into a numbered file.
            var made = Directory.EnumerateFiles(folder, "*.png").Order(StringComparer.Ordinal).FirstOrDefault()
                ?? throw new MediaFileException($"{name} cannot be read as a photograph: it holds none.");
            await CopyWithoutExifAsync(made, output, cancel).ConfigureAwait(false);
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    // The picture is upright already; its EXIF orientation would rotate it again.
    private static async Task CopyWithoutExifAsync(string from, string to, CancellationToken cancel)
    {
        var png = await File.ReadAllBytesAsync(from, cancel).ConfigureAwait(false);
        await using var file = File.Create(to);
        await file.WriteAsync(png.AsMemory(0, 8), cancel).ConfigureAwait(false);
        for (long at = 8, end; at + 8 <= png.Length; at = end)
        {
            end = Math.Min(png.Length, at + 12 + BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan((int)at)));
            if (!png.AsSpan((int)at + 4, 4).SequenceEqual("eXIf"u8))
                await file.WriteAsync(png.AsMemory((int)at..(int)end), cancel).ConfigureAwait(false);
        }
    }

    private static string? Tool() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
        .SelectMany(folder => Names.Where(tool => File.Exists(Path.Combine(folder, tool)))).FirstOrDefault();
}
