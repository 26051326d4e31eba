using System.Diagnostics;
using System.Text.RegularExpressions;
using TrueLive.Core.Processes;

namespace TrueLive.Cli.Tests;

/// <summary>Follows docs/workers.md step by step up to a film; a browser test covers the page with such a model.</summary>
public sealed class WorkerTutorialTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-tutorial").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    [Trait("Run", "long")]
    public async Task The_model_of_the_tutorial_is_checked_added_and_renders_a_clip()
    {
        Assert.SkipUnless(Bubblewrap.IsUsable, "bubblewrap is not installed, or this system does not let it work.");
        var text = await File.ReadAllTextAsync(Path.Combine(Root(), "docs", "workers.md"), TestContext.Current.CancellationToken);
        var model = Directory.CreateDirectory(Path.Combine(_folder, "my-model")).FullName;
        await File.WriteAllTextAsync(Path.Combine(model, "manifest.json"), Block("json", text), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(model, "model.py"), Block("python", text), TestContext.Current.CancellationToken);

        Assert.Contains("models check ./my-model --prompt negative", text, StringComparison.Ordinal);
        var check = await TrueLiveAsync("models", "check", "./my-model", "--prompt", "negative", "--frames", "3", "--sizes", "128x72");
        Assert.Contains("My model", check, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_folder, "my-model-check.png")));

        Assert.Contains("models add ./my-model", text, StringComparison.Ordinal);
        Assert.Contains("Added my-model", await TrueLiveAsync("models", "add", "./my-model"), StringComparison.Ordinal);
        Assert.Contains("my-model", await TrueLiveAsync("models", "list"), StringComparison.Ordinal);
        Assert.Equal(["manifest.json", "model.py"], Directory.EnumerateFiles(Path.Combine(_folder, "truelive", "models", "my-model"))
            .Select(Path.GetFileName).Order());

        await RunAsync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", "color=0x203040:size=128x72:rate=10:duration=1", "in.mp4"]);
        await TrueLiveAsync("clip", "in.mp4", "-o", "out.mp4", "--model", "my-model", "--prompt", "negative");
        await RunAsync("ffmpeg", ["-v", "error", "-i", "out.mp4", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "out.rgb"]);
        var first = await File.ReadAllBytesAsync(Path.Combine(_folder, "out.rgb"), TestContext.Current.CancellationToken);
        Assert.All(new[] { 255 - 0x20, 255 - 0x30, 255 - 0x40 }.Zip(first), c => Assert.InRange(c.Second, c.First - 8, c.First + 8));
    }

    private static string Block(string language, string text) =>
        Regex.Match(text, $"```{language}\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "TrueLive.slnx")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }

    private Task<string> TrueLiveAsync(params string[] arguments) =>
        RunAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), .. arguments]);

    private async Task<string> RunAsync(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder };
        start.Environment["XDG_DATA_HOME"] = _folder;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, said + await errors);
        return said;
    }
}
