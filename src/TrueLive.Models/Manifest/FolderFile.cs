using System.Text;

namespace TrueLive.Models.Manifest;

/// <summary>Reads the files of a model folder, which may come from anyone: plain files of a bounded size, never through a link.</summary>
internal static class FolderFile
{
    /// <summary>What a text file says: UTF-8, or what its byte order mark names, as editors and shells of Windows write it.</summary>
    public static string Text(byte[] bytes)
    {
        using var reader = new StreamReader(new MemoryStream(bytes), Encoding.UTF8, detectEncodingFromByteOrderMarks: true);
        return reader.ReadToEnd();
    }

    /// <summary>The whole file.</summary>
    /// <param name="path">Where it lies.</param>
    /// <param name="field">What in the manifest named it; for the message.</param>
    /// <param name="max">Largest size in bytes.</param>
    /// <exception cref="ModelException">It is missing, empty, a link, a pipe or a device, too large, or cannot be read.</exception>
    public static byte[] Read(string path, string field, long max)
    {
        try
        {
            var info = new FileInfo(path);
            if (!info.Exists)
                throw new ModelException($"{path} ({field}) does not exist.");
            if (info.LinkTarget is { } target)
                throw new ModelException($"{path} ({field}) is a link to {target}. Put the file itself into the folder.");
            // Pipes and devices have no length, and would never end.
            if (info.Length == 0)
                throw new ModelException($"{path} ({field}) is empty, or not a plain file.");
            if (info.Length > max)
                throw new ModelException($"{path} ({field}) is {info.Length} bytes; at most {max} are taken ({max >> 20} MB).");
            using var stream = info.OpenRead();
            var bytes = GC.AllocateUninitializedArray<byte>((int)info.Length);
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path} ({field}) cannot be read: {e.Message}", e);
        }
    }
}
