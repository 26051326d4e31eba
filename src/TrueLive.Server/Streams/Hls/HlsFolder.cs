using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Streams.Hls;

/// <summary>The files of an HLS output: heads, and segments that grow part by part. It is gone a while after the output ends.</summary>
internal sealed class HlsFolder(ServerOptions options, string session, string output)
{
    // Locked while its server lives, however that ends.
    private const string InUse = "in-use";

    private readonly string _path = Path.Combine(RootOf(options), $"{session}-{output}");
    private FileStream? _inUse;

    /// <summary>Deletes the folders that killed servers left, and none of another server that shares the data folder.</summary>
    public static void DeleteLeft(ServerOptions options)
    {
        if (!Directory.Exists(RootOf(options)))
            return;
        foreach (var folder in Directory.EnumerateDirectories(RootOf(options)))
        {
            try
            {
                using var nobodys = Lock(folder);
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Another server uses it, or is deleting it.
            }
        }
    }

    /// <summary>Path of a file in it, which may not be there.</summary>
    public string PathOf(string name) => Path.Combine(_path, name);

    /// <summary>Appends to a file, and makes it first where it is not there.</summary>
    public void Append(string name, ReadOnlySpan<byte> bytes)
    {
        PrivateFiles.MakeFolder(_path);
        _inUse ??= Lock(_path);
        using var file = new FileStream(PathOf(name), FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        var length = file.Length;
        try
        {
            file.Write(bytes);
        }
        catch (IOException)
        {
            // On a full disk a piece may be in it.
            file.SetLength(length);
            throw;
        }
    }

    public void Delete(string name) => File.Delete(PathOf(name));

    /// <summary>Deletes it with all that it holds.</summary>
    public void Delete()
    {
        if (Directory.Exists(_path))
            Directory.Delete(_path, recursive: true);
        Interlocked.Exchange(ref _inUse, null)?.Dispose();
    }

    private static string RootOf(ServerOptions options) => Path.Combine(options.DataPath, "hls");

    private static FileStream Lock(string folder) =>
        new(Path.Combine(folder, InUse), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
}
