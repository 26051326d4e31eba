using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Streams.Hls;

/// <summary>The files of an HLS output: heads, and segments that grow part by part. It is gone a while after the output ends.</summary>
internal sealed class HlsFolder(ServerOptions options, string session, string output)
{
    private readonly string _path = Path.Combine(options.DataPath, "hls", $"{session}-{output}");

    /// <summary>Path of a file in it, which may not be there.</summary>
    public string PathOf(string name) => Path.Combine(_path, name);

    /// <summary>Appends to a file, and makes it first where it is not there.</summary>
    public void Append(string name, ReadOnlySpan<byte> bytes)
    {
        PrivateFiles.MakeFolder(_path);
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
    }
}
