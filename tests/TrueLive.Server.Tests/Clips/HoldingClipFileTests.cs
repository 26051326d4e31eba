using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Files;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Clips;

namespace TrueLive.Server.Tests.Clips;

/// <summary>Files rendered by models that hold frames.</summary>
public sealed class HoldingClipFileTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private const int Film = 40;

    private readonly FramePool _pool = new("holding files", 64);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(4, 0)]
    [InlineData(1, 3)]
    [Trait("Run", "long")]
    public async Task A_rendering_that_died_goes_on_from_what_lay_on_disk_to_the_same_frames(int takes, int lag)
    {
        var model = new HoldingModel(_pool, new Chunk(takes, takes, lag));
        var input = await files.MakeAsync($"held-{takes}.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=15", "-frames:v", $"{Film}",
            "-pix_fmt", "yuv420p");
        var (whole, died) = (Settings(input, $"whole-{takes}", model), Settings(input, $"died-{takes}", model));
        var (steps, saved) = (0, false);
        var result = await RenderAsync(whole with
        {
            Part = TimeSpan.FromMilliseconds(200),
            BeforeStep = _ =>
            {
                // Copies the state that a process killed at this moment would leave. Steps are slow, so that a part is complete before the
                // film ends.
                if (!saved && ++steps > Film / 5)
                    saved = SpinWait.SpinUntil(() => TryCopy(whole.WorkPath, died.WorkPath), TimeSpan.FromSeconds(2));
            },
        });
        Assert.Equal((Film, true), (result.Frames, result.Complete));
        Assert.True(saved);
        var resumed = await RenderAsync(died with { Resume = true });
        Assert.Equal((Film, true), (resumed.Frames, resumed.Complete));
        Assert.InRange(resumed.Resumed, 1, Film - 1);
        Assert.Equal(Film, Pictures(whole).Length);
        Assert.Equal(Pictures(whole), Pictures(died));
        Assert.Equal(takes > 1, resumed.Notes.Any(n => n.Contains("4 frames at a time", StringComparison.Ordinal)));
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_rendering_that_was_stopped_shows_what_was_made_and_keeps_what_was_not()
    {
        var model = new HoldingModel(_pool, new Chunk(4, 4, 0));
        var input = await files.MakeAsync("stopped.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=15", "-frames:v", $"{Film}",
            "-pix_fmt", "yuv420p");
        using var stop = new CancellationTokenSource();
        var settings = Settings(input, "stopped", model) with { Resume = true };
        var steps = 0;
        var part = await new ClipFileRender(settings with { BeforeStep = _ => Stop() }, TimeProvider.System).RunAsync(stop.Token, Cancel);
        Assert.False(part.Complete);
        Assert.Equal(0, part.Frames % 4);
        var rest = await RenderAsync(settings);
        Assert.Equal((Film, part.Frames, true), (rest.Frames, rest.Resumed, rest.Complete));
        await RenderAsync(Settings(input, "unstopped", model));
        Assert.Equal(Pictures(Settings(input, "unstopped", model)), Pictures(settings));
        Assert.Equal(0, _pool.Rented);

        void Stop()
        {
            if (++steps == 10)
                stop.Cancel();
        }
    }

    private ClipFileSettings Settings(string input, string output, IVideoModel model) => new()
    {
        Input = input,
        Output = files[output],
        Prompts = PromptSchedule.TryParse("0s ink; 1s oil", out var schedule, out _) ? schedule : throw new InvalidOperationException(),
        Model = model,
        Format = ClipFormat.Png,
    };

    private static Task<ClipFileResult> RenderAsync(ClipFileSettings settings) =>
        new ClipFileRender(settings, TimeProvider.System).RunAsync(CancellationToken.None, Cancel);

    private static string[] Pictures(ClipFileSettings settings) =>
        [.. Directory.EnumerateFiles(settings.Output, "*.png").Order()
            .Select(f => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f))))];

    // False before there is a finished part, or when another was finished during the copy.
    private static bool TryCopy(string from, string to)
    {
        var progress = Path.Combine(from, "progress.json");
        var before = File.Exists(progress) ? File.ReadAllText(progress) : "";
        if (!before.Contains("part-", StringComparison.Ordinal))
            return false;
        Directory.CreateDirectory(to);
        try
        {
            foreach (var file in Directory.EnumerateFiles(from))
                File.Copy(file, Path.Combine(to, Path.GetFileName(file)), overwrite: true);
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        File.WriteAllText(Path.Combine(to, "progress.json"), before);
        return File.ReadAllText(progress) == before;
    }
}
