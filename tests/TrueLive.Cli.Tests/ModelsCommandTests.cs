using System.Diagnostics;
using System.Text.Json;
using TrueLive.Core.Frames;
using TrueLive.Media.Files;

namespace TrueLive.Cli.Tests;

/// <summary>The commands as a user types them, each in a process of its own with an empty data folder.</summary>
public sealed class ModelsCommandTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("truelive-cli-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<(int Code, string Out, string Error)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _home,
        };
        start.Environment["XDG_DATA_HOME"] = _home;
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "truelive.dll"));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        return (process.ExitCode, await output, await error);
    }

    private string Copy(string id, Func<string, string>? change = null)
    {
        var from = Path.Combine(AppContext.BaseDirectory, "models", "live-tiny");
        var to = Directory.CreateDirectory(Path.Combine(_home, "given", id)).FullName;
        foreach (var file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        var manifest = Path.Combine(to, "manifest.json");
        var text = File.ReadAllText(manifest).Replace("\"id\": \"live-tiny\"", $"\"id\": \"{id}\"", StringComparison.Ordinal);
        File.WriteAllText(manifest, change?.Invoke(text) ?? text);
        return to;
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_model_is_added_listed_shown_and_found_by_its_id()
    {
        var (code, said, _) = await RunAsync("models", "add", Copy("second"));
        Assert.Equal(0, code);
        Assert.Contains("Added second", said, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_home, "truelive", "models", "second", "words.bin")));

        var again = await RunAsync("models", "add", Path.Combine(_home, "given", "second"));
        Assert.Equal(1, again.Code);
        Assert.Contains("--replace", again.Error, StringComparison.Ordinal);

        using var list = JsonDocument.Parse((await RunAsync("models", "list", "--json")).Out);
        Assert.Equal(["live-tiny", "second", "passthrough"],
            list.RootElement.EnumerateArray().Select(m => m.GetProperty("id").GetString()));

        var shown = await RunAsync("models", "show", "second");
        Assert.Equal(0, shown.Code);
        Assert.Contains("state state_image_out -> state_image", shown.Out, StringComparison.Ordinal);
        Assert.Contains("watercolour", shown.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bad_folder_is_refused_and_stays_out()
    {
        var bad = Copy("bad", text => text.Replace("\"state_info_out\"", "\"nowhere\"", StringComparison.Ordinal));
        var (code, _, error) = await RunAsync("models", "add", bad);
        Assert.Equal(1, code);
        Assert.Contains("manifest.json: states[2].output names 'nowhere'", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_home, "truelive", "models", "bad")));

        var taken = await RunAsync("models", "add", Copy("live-tiny"));
        Assert.Equal(1, taken.Code);
        Assert.Contains("which TrueLive itself brings", taken.Error, StringComparison.Ordinal);

        var unknown = await RunAsync("models", "show", "no-such");
        Assert.Equal(1, unknown.Code);
        Assert.Contains("This installation has: live-tiny", unknown.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_went_bad_is_listed_with_its_reason()
    {
        var place = Directory.CreateDirectory(Path.Combine(_home, "models")).FullName;
        Directory.Move(Copy("rotten", text => text[..200]), Path.Combine(place, "rotten"));
        Directory.Move(Copy("robbed"), Path.Combine(place, "robbed"));
        File.Delete(Path.Combine(place, "robbed", "words.bin"));
        var (code, said, _) = await RunAsync("models", "list", "--models-folder", place);
        Assert.Equal(0, code);
        Assert.Contains("Cannot be used: " + Path.Combine(place, "rotten"), said, StringComparison.Ordinal);
        Assert.Contains("words.bin is not there", said, StringComparison.Ordinal);
        Assert.Contains("live-tiny", said, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_check_measures_a_model_on_a_video_and_draws_before_and_after()
    {
        var picture = Path.Combine(_home, "both.png");
        var (code, said, error) = await RunAsync("models", "check", "live-tiny", "--input",
            "/usr/share/doc/opencv-doc/examples/data/vtest.avi",
            "--prompt", "thermal", "--frames", "4", "--sizes", "192x192", "256x192", "--threads", "1", "--picture", picture, "--json");
        Assert.True(code == 0, error);
        using var json = JsonDocument.Parse(said);
        var timings = json.RootElement.GetProperty("timings").EnumerateArray().ToArray();
        Assert.Equal([192, 256], timings.Select(t => t.GetProperty("width").GetInt32()));
        Assert.All(timings, t => Assert.True(t.GetProperty("median_ms").GetDouble() > 0 && t.GetProperty("live_fps").GetDouble() > 0));
        Assert.True(json.RootElement.GetProperty("memory").GetProperty("goes_on").GetBoolean());
        Assert.Equal(0, json.RootElement.GetProperty("output").GetProperty("not_finite").GetInt64());

        var file = await MediaFile.OpenAsync(picture, Cancel);
        Assert.Equal((1536, 576), (file.Width, file.Height));
        var pool = new FramePool("check picture");
        await using var source = FileSource.Open(file, file.Width, file.Height, pool);
        using var both = (await source.ReadAsync(Cancel))!;
        long different = 0;
        for (var y = 0; y < both.Height; y++)
        {
            for (var x = 0; x < 768; x++)
                different += Math.Abs(both.Y[y * both.StrideY + x] - both.Y[y * both.StrideY + 768 + x]);
        }
        Assert.InRange(different / (768.0 * 576), 5, 200);
    }

    [Theory]
    [InlineData("models", "check", "live-tiny", "--frames", "1")]
    [InlineData("models", "check", "live-tiny", "--sizes", "huge")]
    [InlineData("models", "check", "live-tiny", "--input", "no-such.mp4")]
    [InlineData("bench", "models", "--rounds", "0")]
    [InlineData("bench", "models", "--candy", "no-such.onnx")]
    [Trait("Run", "long")]
    public async Task What_cannot_be_done_is_said_without_a_stack_trace(params string[] arguments)
    {
        var (code, _, error) = await RunAsync(arguments);
        Assert.NotEqual(0, code);
        Assert.NotEmpty(error);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_short_bench_prints_ratios_first_and_writes_its_file()
    {
        var file = Path.Combine(_home, "results", "models.md");
        var (code, said, error) = await RunAsync("bench", "models", "-n", "3", "--write", file);
        Assert.True(code == 0, error);
        Assert.Contains("| live-tiny 384x216: two threads / one |", said, StringComparison.Ordinal);
        Assert.True(said.IndexOf("## Ratios", StringComparison.Ordinal) < said.IndexOf("## Milliseconds", StringComparison.Ordinal));
        Assert.Contains("| live-tiny | 640x360 | 2 |", said, StringComparison.Ordinal);
        Assert.Equal(said.TrimEnd(), File.ReadAllText(file).TrimEnd());
    }

    public void Dispose() => Directory.Delete(_home, true);
}
