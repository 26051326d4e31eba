using System.Runtime.InteropServices;

namespace TrueLive.Server.Resources;

/// <summary>Files and folders that only the server's own user may open, whatever the umask says.</summary>
internal static partial class PrivateFiles
{
    private const UnixFileMode ForUs = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes a folder, and those above it that are missing. One that exists keeps the mode that its owner gave it.</summary>
    public static void MakeFolder(string path)
    {
        if (Directory.Exists(path))
            return;
        if (Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(path)) is { Length: > 0 } above)
            MakeFolder(above);
        Directory.CreateDirectory(path, ForUs | UnixFileMode.UserExecute);
    }

    /// <summary>Replaces or creates a file atomically: a crash or a full disk leaves the old state.</summary>
    public static void Replace(string path, byte[] content)
    {
        var aside = WriteAside(path, content);
        File.Move(aside, path, overwrite: true);
    }

    /// <summary>As <see cref="Replace"/>, but keeps a file that already exists.</summary>
    public static void Make(string path, byte[] content)
    {
        var aside = WriteAside(path, content);
        try
        {
            // File.Move checks and then renames, which replaces a file that another server makes in between; link never replaces one. It
            // fails where a file system has no hard links.
            if (Link(aside, path) != 0 && !File.Exists(path))
                File.Move(aside, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            // Another server was first.
        }
        finally
        {
            File.Delete(aside);
        }
    }

    /// <summary>
    /// A second name for a file that is not written to any more, or a copy of it where the file system has no hard links.
    /// </summary>
    public static void Share(string from, string to)
    {
        if (Link(from, to) != 0)
            File.Copy(from, to, overwrite: true);
    }

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string from, string to);

    private static string WriteAside(string path, byte[] content)
    {
        var aside = $"{path}.{Path.GetRandomFileName()}.new";
        try
        {
            using var file = new FileStream(aside, new FileStreamOptions
            { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = ForUs });
            file.Write(content);
            file.Flush(flushToDisk: true);
        }
        catch (IOException)
        {
            File.Delete(aside);
            throw;
        }
        return aside;
    }
}
