using System.IO.Compression;
using System.Text;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Clips;

/// <summary>Packs a folder of pictures into one file.</summary>
internal static class PictureZip
{
    /// <summary>Name of the entry that holds what the tags of a video file would.</summary>
    public const string TierName = "tier.txt";

    /// <summary>
    /// Moves the pictures into a ZIP and returns its size. Each is deleted once it is packed, so that they take their room on disk only
    /// once; after an interruption they are made again from the parts.
    /// </summary>
    /// <param name="pictures">Folder, which is gone afterwards.</param>
    /// <param name="zip">File to write; an older one is replaced.</param>
    /// <param name="tags">Content of <see cref="TierName"/>.</param>
    /// <param name="wait">Blocks while live sessions need the processor.</param>
    public static long Pack(
        string pictures, string zip, IReadOnlyDictionary<string, string> tags, Action<CancellationToken> wait, CancellationToken cancel)
    {
        using (var archive = new ZipArchive(new FileStream(zip, FileMode.Create), ZipArchiveMode.Create))
        {
            using (var text = new StreamWriter(archive.CreateEntry(TierName, CompressionLevel.NoCompression).Open(),
                new UTF8Encoding(false)))
            {
                foreach (var (name, value) in tags)
                    text.Write($"{name}: {value}\n");
            }
            foreach (var picture in Directory.EnumerateFiles(pictures).Order(StringComparer.Ordinal).ToArray())
            {
                wait(cancel);
                cancel.ThrowIfCancellationRequested();
                archive.CreateEntryFromFile(picture, Path.GetFileName(picture), CompressionLevel.NoCompression);
                File.Delete(picture);
            }
        }
        ClipFolders.Remove(pictures);
        return new FileInfo(zip).Length;
    }
}
