using System.Diagnostics;

namespace TrueLive.Media.Tests.Files;

/// <summary>Video files made for the tests by the real ffmpeg, one folder a test class.</summary>
public sealed class MadeFiles : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("truelive-media-").FullName;

    public string this[string name] => Path.Combine(Folder, name);

    public async Task<string> MakeAsync(string name, params string[] arguments)
    {
        var path = this[name];
        using var process = Process.Start(new ProcessStartInfo("ffmpeg", ["-hide_banner", "-loglevel", "error", "-nostdin", "-y", .. arguments, path]) { RedirectStandardError = true })!;
        var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return process.ExitCode == 0 ? path : throw new InvalidOperationException(error);
    }

    public async Task<string> AskAsync(string path, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("ffprobe", ["-v", "error", .. arguments, path]) { RedirectStandardOutput = true })!;
        var text = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return text.Trim();
    }

    public void Dispose() => Directory.Delete(Folder, true);
}
