using System.Diagnostics;

namespace TrueLive.Cli.Tests;

/// <summary>Reference pictures on the command line.</summary>
public sealed class NamedPictureTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("truelive-named-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string this[string name] => Path.Combine(_home, name);

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public async Task A_reference_picture_is_named_by_its_file()
    {
        // A model whose output is everywhere the mean of its input "style": y = 0 x + mean(style).
        Directory.CreateDirectory(this["models/styled"]);
        await File.WriteAllBytesAsync(this["models/styled/net.onnx"], Convert.FromBase64String(
            "CAg6zwEKEQoBeAoEbm9uZRIBeiIDTXVsCjYKBXN0eWxlEgFtIgpSZWR1Y2VNZWFuKg0KBGF4ZXNAAkADoAEHKg8KCGtlZXBkaW1zGAGgAQIKDgoBegoBbRIBeSIDQWRk"
            + "EgFnKhAIARABQgRub25lSgQAAAAAWh0KAXgSGAoWCAESEgoCCAEKAggDCgMSAW4KAxIBblofCgVzdHlsZRIWChQIARIQCgIIAQoCCAMKAggQCgIIEGIdCgF5EhgKFggB"
            + "EhIKAggBCgIIAwoDEgFuCgMSAW5CBAoAEA0="), Cancel);
        await File.WriteAllTextAsync(this["models/styled/manifest.json"], """
            { "schema": "truelive-model/1", "id": "styled", "title": "Styled", "file": "net.onnx", "frame": { "input": "x" }, "output": { "name": "y" },
              "size": { "width": 64, "height": 64 }, "pictures": [{ "name": "style", "title": "Style", "width": 16, "height": 16 }] }
            """, Cancel);
        await FfmpegAsync("-f", "lavfi", "-i", "testsrc2=s=64x64:r=30", "-frames:v", "3", "-pix_fmt", "yuv420p", this["film.mkv"]);
        foreach (var (name, colour) in new[] { ("light one", "0xdddddd"), ("dark", "0x222222") })
            await FfmpegAsync("-f", "lavfi", "-i", $"color=s=40x30:c={colour}", "-frames:v", "1", this[name + ".png"]);
        Task<(int Code, string Error)> MadeAsync(string set) => RunAsync(
            "dotnet", Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "clip", "film.mkv", "-o", "made", "--model", "styled",
            "--models-folder", this["models"], "--set", set);

        var made = await MadeAsync("0s style=\"light one.png\"; 0.05s style=dark.png");
        Assert.True(made.Code == 0, made.Error);
        var levels = new List<int>();
        foreach (var file in Directory.EnumerateFiles(this["made"], "*.png").Order(StringComparer.Ordinal))
        {
            await FfmpegAsync("-i", file, "-pix_fmt", "gray", "-f", "rawvideo", this["level"]);
            levels.Add((await File.ReadAllBytesAsync(this["level"], Cancel))[64 * 32 + 32]);
        }
        Assert.Equal([0xdd, 0xdd, 0x22], levels.Select(l => Math.Abs(l - 0xdd) < 8 ? 0xdd : Math.Abs(l - 0x22) < 8 ? 0x22 : l));

        var missing = await MadeAsync("style=nowhere.png");
        Assert.Equal(1, missing.Code);
        Assert.Contains("nowhere.png does not exist", missing.Error, StringComparison.Ordinal);
    }

    private async Task FfmpegAsync(params string[] arguments)
    {
        var (code, error) = await RunAsync("ffmpeg", ["-loglevel", "error", "-nostdin", "-y", .. arguments]);
        Assert.True(code == 0, error);
    }

    private async Task<(int Code, string Error)> RunAsync(string file, params string[] arguments)
    {
        var start = new ProcessStartInfo(file, arguments)
        { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _home };
        start.Environment["XDG_DATA_HOME"] = _home;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        await output;
        return (process.ExitCode, await error);
    }
}
