using System.Diagnostics;

namespace TrueLive.Watch.Tests;

/// <summary>A disk that is full and a database that is away: told, and the history whole afterwards.</summary>
public sealed class ShortageTests(PostgresServer postgres) : IClassFixture<PostgresServer>
{
    private readonly SteppedClock _clock = new(t => t <= TimeSpan.FromSeconds(15));
    private readonly List<string> _said = [];
    private int _running;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Runs_of_a_full_disk_are_kept_in_order_once_there_is_room()
    {
        var folder = Directory.CreateTempSubdirectory("truelive-small-").FullName;
        Assert.SkipWhen(await RunAsync("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder) != 0,
            "NOT RUN: a small disk of its own takes root and the right to mount.");
        try
        {
            await using var history = await WatchHistory.OpenSqliteAsync(Path.Combine(folder, "history.db"), Cancel);
            var fill = Path.Combine(folder, "fill");
            await KeepsAllAsync(history, folder, () => Fill(fill), () =>
            {
                File.Delete(fill);
                return Task.CompletedTask;
            });
        }
        finally
        {
            await RunAsync("umount", folder);
            Directory.Delete(folder);
        }
    }

    [Fact]
    public async Task Runs_during_an_absence_of_postgresql_are_kept_in_order_once_it_is_back()
    {
        var folder = Directory.CreateTempSubdirectory("truelive-watch-").FullName;
        await using var history = await WatchHistory.OpenPostgresAsync(await postgres.NewDatabaseAsync(), Cancel);
        await KeepsAllAsync(history, folder, postgres.StopAsync, postgres.StartAsync);
        Directory.Delete(folder, true);
    }

    private async Task KeepsAllAsync(WatchHistory history, string folder, Func<Task> take, Func<Task> give)
    {
        var watcher = new Watcher(new WatchOptions
        { Series = Measured.Series, Every = TimeSpan.FromSeconds(30), Profile = "glance", Folder = folder, Runs = 5 }, history, null,
            async (_, _) =>
            {
                if (++_running == 2)
                    await take();
                if (_running == 4)
                    await give();
                return new Measurement(Measured.Report(_running, new string('x', 900)), null);
            }, _clock, _said.Add);
        await _clock.FinishAsync(watcher.RunAsync(Cancel));
        var runs = await history.RunsAsync(Measured.Series, 100, Cancel);
        Assert.Equal([1.0, 2, 3, 4, 5], runs.Select(r => r.DelayD50!.Value));
        Assert.Equal([null, "kept later, since the history could not be written"], runs.Take(2).Select(r => r.Note));
        Assert.Contains(_said, s => s.StartsWith("The history cannot be written, 1 runs wait", StringComparison.Ordinal));
    }

    private static Task Fill(string path)
    {
        using var file = File.Create(path);
        var block = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(block);
                file.Flush();
            }
        }
        catch (IOException)
        {
        }
        return Task.CompletedTask;
    }

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode;
    }
}
