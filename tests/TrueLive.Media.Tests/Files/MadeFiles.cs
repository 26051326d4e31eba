using System.Buffers.Binary;
using System.Diagnostics;

namespace TrueLive.Media.Tests.Files;

/// <summary>Video files that the real ffmpeg makes for the tests, in one folder for each test class.</summary>
public sealed class MadeFiles : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("truelive-media-").FullName;

    public string this[string name] => Path.Combine(Folder, name);

    public async Task<string> MakeAsync(string name, params string[] arguments)
    {
        var path = this[name];
        using var process = Process.Start(new ProcessStartInfo("ffmpeg",
            ["-hide_banner", "-loglevel", "error", "-nostdin", "-y", .. arguments, path])
        { RedirectStandardError = true })!;
        var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return process.ExitCode == 0 ? path : throw new InvalidOperationException(error);
    }

    /// <summary>
    /// The same MP4 file with a display matrix that turns its picture by a quarter; no ffmpeg option does that in all releases.
    /// </summary>
    public async Task<string> TurnAsync(string name, string flat)
    {
        var bytes = await File.ReadAllBytesAsync(flat, TestContext.Current.CancellationToken);
        // ISO/IEC 14496-12, 8.3.2: the matrix of a track header of version 0 lies 40 bytes after its name.
        var matrix = bytes.AsSpan(bytes.AsSpan().IndexOf("tkhd"u8) + 44);
        foreach (var (i, value) in new[] { 0, -0x10000, 0, 0x10000, 0, 0, 0, 0, 0x40000000 }.Index())
            BinaryPrimitives.WriteInt32BigEndian(matrix[(4 * i)..], value);
        await File.WriteAllBytesAsync(this[name], bytes, TestContext.Current.CancellationToken);
        return this[name];
    }

    public async Task<string> AskAsync(string path, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("ffprobe", ["-v", "error", .. arguments, path])
        { RedirectStandardOutput = true })!;
        var text = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return text.Trim();
    }

    public void Dispose() => Directory.Delete(Folder, true);
}
