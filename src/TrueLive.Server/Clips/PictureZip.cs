using System.IO.Compression;
using System.Text;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Clips;

/// <summary>Hands a folder of pictures out as one file.</summary>
internal static class PictureZip
{
    /// <summary>Says what the pictures are, as the tags of a video file do.</summary>
    public const string TierName = "tier.txt";

    /// <summary>
    /// Moves the pictures into a ZIP and returns its size. Each is deleted once it is in, so that they lie on disk once; when it is broken
    /// off,
    /// they are made again from the parts.
    /// </summary>
    /// <param name="pictures">Folder, which is gone afterwards.</param>
    /// <param name="zip">File to write; an older one is replaced.</param>
    /// <param name="tags">What <see cref="TierName"/> says.</param>
    /// <param name="wait">Blocks while live sessions need the processor.</param>
    public static long Pack(string pictures, string zip, IReadOnlyDictionary<string, string> tags, Action<CancellationToken> wait, CancellationToken cancel)
    {
        using (var archive = new ZipArchive(new FileStream(zip, FileMode.Create), ZipArchiveMode.Create))
        {
            using (var text = new StreamWriter(archive.CreateEntry(TierName, CompressionLevel.NoCompression).Open(), new UTF8Encoding(false)))
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
