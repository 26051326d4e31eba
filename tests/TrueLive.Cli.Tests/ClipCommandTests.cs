using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

namespace TrueLive.Cli.Tests;

/// <summary><c>truelive clip</c> as a user types, interrupts and resumes it.</summary>
public sealed class ClipCommandTests : IDisposable
{
    private const int Frames = 80;
    private const int HeldFrames = 200;

    private readonly string _home = Directory.CreateTempSubdirectory("truelive-clip-cli-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string this[string name] => Path.Combine(_home, name);

    private async Task<string> FilmAsync(string name, string size, int frames, int rate = 30)
    {
        var (code, _, error) = await RunAsync("ffmpeg", "-loglevel", "error", "-nostdin", "-f", "lavfi", "-i",
            $"testsrc2=s={size}:r={rate}", "-frames:v", $"{frames}", "-pix_fmt", "yuv420p", this[name]);
        Assert.True(code == 0, error);
        return this[name];
    }

    private Process Start(string file, params string[] arguments)
    {
        var start = new ProcessStartInfo(file, arguments)
        { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _home };
        start.Environment["XDG_DATA_HOME"] = _home;
        return Process.Start(start)!;
    }

    private async Task<(int Code, string Out, string Error)> RunAsync(string file, params string[] arguments) =>
        await EndAsync(Start(file, arguments));

    private static async Task<(int Code, string Out, string Error)> EndAsync(Process started)
    {
        using var process = started;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        return (process.ExitCode, await output, await error);
    }

    private static string[] Clip(params string[] arguments) =>
        [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "clip", .. arguments];

    private Task<(int Code, string Out, string Error)> ClipAsync(params string[] arguments) => RunAsync("dotnet", Clip(arguments));

    // As in a shell, the command leads a process group, all of which gets a terminal's Ctrl-C. On a busy machine it comes after the test,
    // which would otherwise find it ended.
    private Process StartGroup(params string[] arguments) => Start("setsid", ["nice", "-n", "19", "dotnet", .. Clip(arguments)]);

    private static async Task SignalAsync(string signal, int target)
    {
        using var kill = Process.Start("kill", ["-" + signal, "--", target.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(Cancel);
    }

    private static async Task UntilAsync(Process process, Func<bool> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        while (!holds())
        {
            Assert.False(process.HasExited, "It ended before it could be interrupted.");
            await timer.WaitForNextTickAsync(Cancel);
        }
    }

    private string[] Hashes(string folder) =>
        [.. Directory.EnumerateFiles(this[folder], "*.png").Order(StringComparer.Ordinal)
        .Select(f => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f))))];

    private async Task<int> FramesAsync(string file)
    {
        var (code, text, error) = await RunAsync("ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries",
            "stream=nb_read_frames", "-of", "csv=p=0", this[file]);
        Assert.True(code == 0, error);
        return int.Parse(text.Trim().TrimEnd(','), CultureInfo.InvariantCulture);
    }

    [Theory]
    [Trait("Run", "long")]
    [InlineData("INT", "out.mp4")]
    [InlineData("TERM", "out", Traits = ["Run", "full"])]
    public async Task A_signal_to_the_whole_process_group_leaves_what_plays_and_resume_finishes_it(string signal, string output)
    {
        await FilmAsync("film.mp4", "512x288", Frames, rate: 10);
        var process = StartGroup("film.mp4", "-o", output, "--prompts", "0s ink; 3s neon", "--threads", "1");
        await UntilAsync(process, () => Directory.Exists(this[output + ".truelive-work"])
            && Directory.GetFiles(this[output + ".truelive-work"], "part-*").Length > 0);
        await SignalAsync(signal, -process.Id);
        var stopped = await EndAsync(process);
        Assert.Equal((130, ""), (stopped.Code, stopped.Error));
        Assert.Contains("--resume goes on from here", stopped.Out, StringComparison.Ordinal);
        var pictures = output == "out" ? Hashes("out") : [];
        Assert.InRange(output == "out" ? pictures.Length : await FramesAsync(output), 1, Frames - 1);

        var resumed = await ClipAsync("film.mp4", "-o", output, "--prompts", "0s ink; 3s neon", "--resume");
        Assert.True(resumed.Code == 0, resumed.Error);
        Assert.Contains("were there from an earlier run", resumed.Out, StringComparison.Ordinal);
        Assert.Equal(Frames, output == "out" ? Hashes("out").Length : await FramesAsync(output));
        Assert.False(Directory.Exists(this[output + ".truelive-work"]));
        if (output == "out")
        {
            await ClipAsync("film.mp4", "-o", "whole", "--prompts", "0s ink; 3s neon");
            Assert.Equal(Hashes("whole"), Hashes("out"));
            Assert.Equal(pictures, Hashes("whole").Take(pictures.Length));
        }
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_run_that_was_killed_goes_on_from_its_last_part_to_the_frames_of_a_run_that_was_not()
    {
        // A part covers four seconds of the film: two parts of few frames, which take a while on any machine.
        await FilmAsync("film.mp4", "640x360", Frames, rate: 10);
        var process = StartGroup("film.mp4", "-o", "killed", "--prompt", "oil", "--threads", "1");
        string Progress() =>
            File.Exists(this["killed.truelive-work/progress.json"]) ? File.ReadAllText(this["killed.truelive-work/progress.json"]) : "";
        await UntilAsync(process, () => Progress().Contains("part-", StringComparison.Ordinal));
        await SignalAsync("KILL", -process.Id);
        await EndAsync(process);
        Assert.False(Directory.Exists(this["killed"]));

        var resumed = await ClipAsync("film.mp4", "-o", "killed", "--prompt", "oil", "--resume");
        Assert.True(resumed.Code == 0, resumed.Error);
        Assert.Contains("were there from an earlier run", resumed.Out, StringComparison.Ordinal);
        await ClipAsync("film.mp4", "-o", "whole", "--prompt", "oil");
        Assert.Equal(Frames, Hashes("whole").Length);
        Assert.Equal(Hashes("whole"), Hashes("killed"));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_run_that_was_killed_with_frames_inside_the_model_goes_on_to_the_same_frames()
    {
        // With a stream batch of four steps, three frames are in progress at any moment.
        foreach (var file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "samples", "tiny-diffusion"), "*",
            SearchOption.AllDirectories))
        {
            var to = this[Path.Combine("models", "tiny-diffusion",
                Path.GetRelativePath(Path.Combine(AppContext.BaseDirectory, "samples", "tiny-diffusion"), file))];
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }
        var manifest = this["models/tiny-diffusion/manifest.json"];
        File.WriteAllText(manifest, File.ReadAllText(manifest)
            .Replace("[40] }", "[20, 30, 40, 45], \"throughput\": true }", StringComparison.Ordinal));
        await FilmAsync("film.mp4", "512x512", HeldFrames, rate: 10);
        string[] Arguments(string output, params string[] more) =>
            ["film.mp4", "-o", output, "--prompts", "0s ink; 3s neon", "--model", "tiny-diffusion", "--models-folder", this["models"],
                "--threads", "1", .. more];
        var process = StartGroup(Arguments("killed"));
        string Progress() =>
            File.Exists(this["killed.truelive-work/progress.json"]) ? File.ReadAllText(this["killed.truelive-work/progress.json"]) : "";
        await UntilAsync(process, () => Progress().Contains("part-", StringComparison.Ordinal));
        await SignalAsync("KILL", -process.Id);
        await EndAsync(process);
        var state = JsonDocument.Parse(Progress()).RootElement.GetProperty("Scenes")[0];
        Assert.Equal(state.GetProperty("Next").GetInt64() - 3,
            state.GetProperty("Parts").EnumerateArray().Sum(p => p.GetProperty("Frames").GetInt64()));

        var resumed = await ClipAsync(Arguments("killed", "--resume"));
        Assert.True(resumed.Code == 0, resumed.Error);
        Assert.Contains("were there from an earlier run", resumed.Out, StringComparison.Ordinal);
        await ClipAsync(Arguments("whole"));
        Assert.Equal(HeldFrames, Hashes("whole").Length);
        Assert.Equal(Hashes("whole"), Hashes("killed"));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Ctrl_c_leaves_nothing_where_that_was_asked()
    {
        await FilmAsync("film.mp4", "384x216", 240);
        var process = StartGroup("film.mp4", "-o", "out.webm", "--on-cancel", "discard", "--threads", "1");
        await UntilAsync(process, () => Directory.Exists(this["out.webm.truelive-work"]));
        await SignalAsync("INT", -process.Id);
        var stopped = await EndAsync(process);
        Assert.True(stopped.Code == 130, $"exit code {stopped.Code}: {stopped.Error}");
        Assert.Contains("nothing is left", stopped.Error, StringComparison.Ordinal);
        Assert.Equal(["film.mp4"], Directory.EnumerateFileSystemEntries(_home).Select(Path.GetFileName));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_recorded_session_is_rendered_again_and_says_when_its_model_was_another()
    {
        Directory.CreateDirectory(this["journal"]);
        await FilmAsync("journal/input.mkv", "256x192", 20);
        var view = new
        {
            Id = "1",
            Session = "s",
            Recording = false,
            Started = DateTimeOffset.UnixEpoch,
            Frames = 20,
            LostFrames = 0,
            Seconds = 0.667,
            Bytes = 1,
            LimitS = 1,
            LimitBytes = 1,
            Model = "live-tiny",
            ModelVersion = "an old one",
            Size = "256x192",
            Expires = DateTimeOffset.UnixEpoch,
        };
        var cues = new[] { new { Frame = 0L, AtTicks = 0L, Text = "ink", Strength = 1f, TransitionMs = 0.0 } };
        await File.WriteAllTextAsync(this["journal/journal.json"],
            JsonSerializer.Serialize(new { View = view, Cues = cues, Resets = Array.Empty<long>() }), Cancel);
        var (code, said, error) = await ClipAsync("--from-journal", "journal", "-o", "again.mp4");
        Assert.True(code == 0, error);
        Assert.Contains("20 frames", said, StringComparison.Ordinal);
        Assert.Contains("an old one", error, StringComparison.Ordinal);
        Assert.Equal(20, await FramesAsync("again.mp4"));
    }

    [Theory]
    [InlineData("has no randomness", "film.mp4", "-o", "out.mp4", "--seed", "7")]
    [InlineData("holds other things", "film.mp4", "-o", "videos/")]
    [InlineData("is a folder", "film.mp4", "-o", "videos", "--format", "mp4")]
    [InlineData("same file", "film.mp4", "-o", "film.mp4")]
    [InlineData("is not written", "film.mp4", "-o", "out.avi")]
    [InlineData("another format", "film.mp4", "-o", "out.webm", "--format", "mp4")]
    [InlineData("either --prompt", "film.mp4", "-o", "out.mp4", "--prompt", "ink", "--prompts", "0s ink")]
    [InlineData("no file 'later.txt'", "film.mp4", "-o", "out.mp4", "--prompts", "later.txt")]
    [InlineData("does not exist", "nothing.mp4", "-o", "out.mp4")]
    [InlineData("order of time", "film.mp4", "-o", "out.mp4", "--prompts", "3s a; 1s b")]
    [Trait("Run", "long")]
    public async Task What_cannot_be_done_is_said_before_any_work_and_destroys_nothing(string words, params string[] arguments)
    {
        await FilmAsync("film.mp4", "64x48", 2);
        var letter = Path.Combine(Directory.CreateDirectory(this["videos"]).FullName, "holiday.mov");
        await File.WriteAllTextAsync(letter, "dear", Cancel);
        var (code, _, error) = await ClipAsync(arguments);
        Assert.Equal(1, code);
        Assert.Contains(words, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.Equal("dear", await File.ReadAllTextAsync(letter, Cancel));
        Assert.Equal(["film.mp4", "videos"], Directory.EnumerateFileSystemEntries(_home).Select(Path.GetFileName)
            .Order(StringComparer.Ordinal));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task One_prompt_is_one_prompt_whatever_is_in_it_and_what_lies_after_the_end_is_told()
    {
        await FilmAsync("film.mp4", "64x48", 4);
        await File.WriteAllTextAsync(this["cues.txt"], "0s ink\n# a comment\n9s neon", Cancel);
        // PromptScheduleTests has more of them.
        var (code, _, error) = await ClipAsync("film.mp4", "-o", "out.mkv", "--prompt", "16:9 oil; soft light");
        Assert.True(code == 0, error);
        var (_, tag, _) = await RunAsync("ffprobe", "-v", "error", "-show_entries", "format_tags=TRUELIVE_PROMPTS", "-of",
            "default=nw=1:nk=1", this["out.mkv"]);
        Assert.Equal("0s 16:9 oil; soft light", tag.Trim());
        var (late, said, why) = await ClipAsync("film.mp4", "-o", "out.mov", "--prompts", "cues.txt");
        Assert.True(late == 0, why);
        Assert.Contains("The prompt at 9s ('neon') lies after the clip's end", said, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_home, true);
}
