using System.Diagnostics;

namespace TrueLive.EndToEnd.Tests;

/// <summary>A model in Python, used from a real browser.</summary>
[Collection(nameof(Browser))]
public sealed class WorkerPageTests(Browser browser) : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-worker-page").FullName;

    private string Model => Path.Combine(_folder, "models", "invert");

    private string Program => Path.Combine(Model, "invert.py");

    public ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(Model);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Studio.Root, "worker", "examples", "invert_numpy")))
            File.Copy(file, Path.Combine(Model, Path.GetFileName(file)));
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_killed_worker_leaves_labelled_frames_then_makes_pictures_again_and_its_author_sees_tracebacks_and_mends_them()
    {
        await using var server = await ServerProcess.StartAsync(
            "--models-folder", Path.Combine(_folder, "models"), "--data-folder", Path.Combine(_folder, "data"), "--reload",
            "--max-sessions", "1");
        await using var page = await browser.OpenAsync(server, "ws");
        await page.StartAsync("scene", "invert", "384x216");
        await page.PicturesAsync(3);
        await page.PromptAsync("negative");
        await IsNegativeAsync(page);
        await page.Page.SelectOptionAsync("#parameter-channels", "red");
        await IsNegativeAsync(page, redOnly: true);
        var session = await page.EvalAsync<string>("trueLive.transport.session.session");

        // Between two polls from here, the labelled frames may have come and gone.
        await page.Page.EvaluateAsync("""
            () => {
              window.traces = new Map();
              trueLive.session.addEventListener('frame', ({ detail: { trace } }) => trace && traces.set(trace.output, trace));
            }
            """);
        await page.UntilAsync("traces.size > 3");
        KillWorker();
        await page.UntilAsync("[...traces.values()].some((t) => t.origin === 'passed_through')");
        await page.UntilAsync("trueLive.figures.lastTrace.origin === 'generated' && [...traces.values()].some((t) => t.origin === " +
            "'passed_through')");
        var gap = await page.EvalAsync<double>("""
            (() => { const all = [...traces.values()], first = all.findIndex((t) => t.origin === 'passed_through'); return all[first].arrived_ms - all[first - 1].arrived_ms; })()
            """);
        TestContext.Current.TestOutputHelper?.WriteLine($"From the last picture that was made to the first labelled one: {gap:0} ms");
        await IsNegativeAsync(page, redOnly: true);
        Assert.Equal("red", await page.EvalAsync<string>("trueLive.transport.session.prompt.values.channels"));
        await server.SaidAsync("worker_ended: The process of invert ended; it is started again at once. It was killed (signal 9).");
        await page.Page.SelectOptionAsync("#parameter-channels", "all");
        await IsNegativeAsync(page);

        var good = await File.ReadAllTextAsync(Program, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Program, good.Replace("return inverted\n", "return inverted / nothing\n", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        await page.UntilAsync("document.querySelector('.away').textContent.includes('return inverted / nothing')");
        await page.UntilAsync("document.querySelector('.tier .value').textContent === 'Passed through'");
        Assert.Contains("NameError", await page.EvalAsync<string>("document.querySelector('.away').textContent"), StringComparison.Ordinal);
        await Studio.ReadableAsync(page.Page, "a traceback");
        await Studio.PictureAsync(page.Page, "worker-traceback");
        await File.WriteAllTextAsync(Program, good, TestContext.Current.CancellationToken);
        await page.UntilAsync("document.querySelector('.away').hidden && trueLive.figures.lastTrace.origin === 'generated'");
        await IsNegativeAsync(page);
        Assert.Equal(session, await page.EvalAsync<string>("trueLive.transport.session.session"));
        Assert.Equal("negative", await page.EvalAsync<string>("trueLive.transport.session.prompt.text"));
    }

    private static async Task IsNegativeAsync(LivePage page, bool redOnly = false)
    {
        // The scene moves between the two pictures that are compared.
        for (var began = TimeProvider.System.GetTimestamp(); ; await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System))
        {
            var (input, output) = await page.LooksAsync();
            var (green, blue) = redOnly ? (input.Green, input.Blue) : (255 - input.Green, 255 - input.Blue);
            if (Math.Abs(255 - input.Red - output.Red) + Math.Abs(green - output.Green) + Math.Abs(blue - output.Blue) < 60)
                return;
            Assert.True(TimeProvider.System.GetElapsedTime(began) < LivePage.Patience,
                $"{output} is not the negative of {input}{(redOnly ? " in red" : "")}.");
        }
    }

    private void KillWorker()
    {
        var own = Directory.EnumerateDirectories("/proc").Where(p => int.TryParse(Path.GetFileName(p), out _))
            .Where(p => new FileInfo(Path.Combine(p, "cwd")).LinkTarget == Model
                && File.ReadAllText(Path.Combine(p, "cmdline")).Contains("/python", StringComparison.Ordinal)
                && !File.ReadAllText(Path.Combine(p, "cmdline")).Contains("bwrap", StringComparison.Ordinal)).ToList();
        using var process = Process.GetProcessById(int.Parse(Path.GetFileName(Assert.Single(own)),
            System.Globalization.CultureInfo.InvariantCulture));
        process.Kill();
    }
}
