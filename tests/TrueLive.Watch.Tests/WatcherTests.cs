using System.Net;
using System.Net.Sockets;
using TrueLive.Media.Files;
using TrueLive.Probe.Targets;

namespace TrueLive.Watch.Tests;

/// <summary>A watch from run to run, in virtual time and with a real history.</summary>
public sealed class WatcherTests : IAsyncLifetime
{
    private static readonly TimeSpan Ten = TimeSpan.FromMinutes(10);
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-watch-").FullName;
    private readonly SteppedClock _clock = new(t => t <= TimeSpan.FromSeconds(15));
    private readonly List<string> _said = [];
    private WatchHistory _history = null!;
    private int _running;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _history = await WatchHistory.OpenSqliteAsync(Path.Combine(_folder, "history.db"), Cancel);

    public async ValueTask DisposeAsync()
    {
        await _history.DisposeAsync();
        Directory.Delete(_folder, true);
    }

    [Fact]
    public async Task Runs_never_overlap_and_the_history_says_which_were_left_out()
    {
        double[] minutes = [1, 25, 1, 1];
        var at = 0;
        await _clock.FinishAsync(Watch(4, _ => _clock.Advance(TimeSpan.FromMinutes(minutes[at++]))).RunAsync(Cancel));
        var runs = await RunsAsync();
        Assert.Equal([0, 10, 40, 50], runs.Select(r => (int)(r.Utc - runs[0].Utc).TotalMinutes));
        Assert.Equal([0, 0, 2, 0], runs.Select(r => r.Skipped));
        Assert.Equal([60, 1500, 60, 60], runs.Select(r => r.Seconds));
    }

    [Fact]
    public async Task Stopping_during_a_run_keeps_it_and_a_new_watch_goes_on_at_the_next_time()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        await _clock.FinishAsync(Watch(null, folder =>
        {
            if (_running == 2)
            {
                stop.Cancel();
                throw new OperationCanceledException();
            }
        }).RunAsync(stop.Token));
        await _clock.FinishAsync(Watch(1, _ => { }).RunAsync(Cancel));
        var runs = await RunsAsync();
        Assert.Equal([RunOutcome.Measured, RunOutcome.Stopped, RunOutcome.Measured], runs.Select(r => r.Outcome));
        Assert.Equal([0, 10, 20], runs.Select(r => (int)(r.Utc - runs[0].Utc).TotalMinutes));
        Assert.Empty(runs[1].Rules);
    }

    [Fact]
    public async Task A_target_that_refuses_is_kept_as_such_and_breaks_the_rule_that_it_can_be_measured()
    {
        await _clock.FinishAsync(Watch(5, _ =>
        {
            if (_running is 2 or 3)
                throw new TargetException("401: <b>no</b>");
        }, delay: () => _running == 5 ? 900 : 100).RunAsync(Cancel));
        Assert.Equal([RunOutcome.Measured, RunOutcome.Failed, RunOutcome.Failed, RunOutcome.Measured, RunOutcome.Measured],
            (await RunsAsync()).Select(r => r.Outcome));
        var (_, rules) = Assert.Single(await _history.SeriesAsync(Cancel));
        // What a glance cannot measure, Q, is not met and not broken.
        Assert.Equal([new RuleState(Watcher.CanBeMeasured, true, 0), new RuleState("fast: delay.D50 <= 200 ms", true, 1)], rules);
        Assert.Contains("401: &lt;b&gt;no&lt;/b&gt;", await PageAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_of_a_busy_machine_says_nothing_about_the_target()
    {
        await _clock.FinishAsync(Watch(2, _ => { }, validity: () => _running == 2 ? "INVALID" : "VALID").RunAsync(Cancel));
        var invalid = (await RunsAsync())[1];
        Assert.Equal((RunOutcome.Invalid, 0, null), (invalid.Outcome, invalid.Rules.Count, invalid.DelayD50));
    }

    [Fact]
    public async Task A_fault_of_the_probe_ends_one_run_and_not_the_watch()
    {
        await _clock.FinishAsync(Watch(3, _ =>
        {
            if (_running == 2)
                throw new InvalidOperationException("a fault");
        }).RunAsync(Cancel));
        var failed = (await RunsAsync())[1];
        Assert.Equal((RunOutcome.Failed, "a fault in TrueLive: a fault", "FAIL"), (failed.Outcome, failed.Note, failed.Rules[0].Result));
        Assert.Equal(3, _running);
    }

    [Fact]
    public async Task A_connection_that_breaks_counts_against_the_target_and_a_full_disk_does_not()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await _clock.FinishAsync(Watch(4, folder =>
        {
            if (_running == 1)
            {
                using var client = new TcpClient();
                client.Connect((IPEndPoint)listener.LocalEndpoint);
                using (var server = listener.AcceptSocket())
                    server.LingerState = new LingerOption(true, 0);
                client.GetStream().ReadByte();
            }
            if (_running == 2)
                File.WriteAllText("/dev/full", "report");
            if (_running == 3)
                File.WriteAllText(Path.Combine(folder, "report.json"), "in a folder that somebody removed");
            if (_running == 4)
                throw new MediaMachineException("ffmpeg is missing", 0);
        }).RunAsync(Cancel));
        var runs = await RunsAsync();
        Assert.Equal([RunOutcome.Failed, RunOutcome.Lost, RunOutcome.Lost, RunOutcome.Lost], runs.Select(r => r.Outcome));
        Assert.Equal([1, 0, 0, 0], runs.Select(r => r.Rules.Count));
        Assert.DoesNotContain(_said, s => s.Contains("fault", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_limit_that_fires_late_harms_nothing()
    {
        var clock = new LateClock();
        Assert.Equal(0, await Watch(1, _ => { }, clock: clock).RunAsync(Cancel));
        clock.FireAll();
    }

    [Fact]
    public async Task Runs_that_memory_cannot_hold_are_counted()
    {
        var file = Path.Combine(_folder, "history.db");
        await _clock.FinishAsync(Watch(1003, _ =>
        {
            if (_running == 1)
            {
                foreach (var part in Directory.GetFiles(_folder, "history.db*"))
                    File.Delete(part);
                Directory.CreateDirectory(file);
            }
        }, every: TimeSpan.FromSeconds(10)).RunAsync(Cancel), lost: 1003);
        Assert.Single(_said, s => s.Contains("the oldest that wait are dropped", StringComparison.Ordinal));
    }

    [Fact]
    public void A_second_watch_of_the_same_target_is_told_what_to_change()
    {
        using var first = SeriesLock.Take(_folder, Measured.Series);
        var refused = Assert.Throws<FormatException>(() => SeriesLock.Take(_folder, Measured.Series));
        Assert.Contains("another --place, also for targets that differ only in what follows a question mark", refused.Message,
            StringComparison.Ordinal);
        SeriesLock.Take(_folder, Measured.Series with { Place = "attic" }).Dispose();
    }

    [Fact]
    public async Task A_run_without_an_end_is_ended()
    {
        await Watch(1, _ => _clock.Advance(TimeSpan.FromHours(1))).RunAsync(Cancel);
        var run = Assert.Single(await RunsAsync());
        Assert.Equal((RunOutcome.Failed, "it took longer than 30 minutes"), (run.Outcome, run.Note));
    }

    [Fact]
    public async Task A_clock_that_is_set_back_between_runs_is_told_and_the_order_stays()
    {
        await _clock.FinishAsync(Watch(3, _ =>
        {
            if (_running == 2)
                _clock.Set = -TimeSpan.FromHours(3);
        }).RunAsync(Cancel));
        var runs = await RunsAsync();
        Assert.Equal([1, 2, 3], runs.Select(r => r.Number));
        Assert.True(runs[2].Utc < runs[0].Utc);
        Assert.Equal((10_800, "the clock was set back by 10800 s before it"), (runs[2].ClockBack, runs[2].Note));
        Assert.Contains("1 run began after the clock had been set back", await PageAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_oldest_reports_go_and_folders_of_other_names_stay()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "run-of-mine"));
        await _clock.FinishAsync(Watch(4, folder => Directory.CreateDirectory(folder), keepReports: 2).RunAsync(Cancel));
        Assert.Equal(3, Directory.GetDirectories(_folder).Length);
        Assert.True(Directory.Exists(Path.Combine(_folder, "run-of-mine")));
        Assert.True(Directory.Exists(Path.Combine(_folder, (await RunsAsync())[^1].Folder!)));
    }

    [Fact]
    public async Task A_watch_leaves_the_reports_of_another_alone_and_keeps_its_own_by_number()
    {
        var other = Measured.Series with { Place = "attic" };
        await _clock.FinishAsync(Watch(1, folder => Directory.CreateDirectory(folder), series: other).RunAsync(Cancel));
        _running = 0;
        await _clock.FinishAsync(Watch(3, folder =>
        {
            Directory.CreateDirectory(folder);
            _clock.Set = -TimeSpan.FromDays(_running);
            if (_running == 3)
                throw new TargetException("401");
        }, keepReports: 1).RunAsync(Cancel));
        var theirs = (await _history.RunsAsync(other, 9, Cancel))[0].Folder;
        Assert.Equal(new[] { theirs, (await RunsAsync())[1].Folder }.Order(),
            Directory.GetDirectories(_folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_webhook_that_never_answers_delays_no_run()
    {
        var asked = new TaskCompletionSource();
        var delivery = new AlertDelivery(Measured.Series, _history, async (_, cancel) =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancel);
            return default;
        }, _ => Task.CompletedTask, TimeProvider.System, _ => { });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var delivering = delivery.RunAsync(rest: false, stop.Token);
        await _clock.FinishAsync(Watch(4, _ => { }, delay: () => _running > 1 ? 900 : 100, delivery: delivery,
            before: () => _running == 3 ? asked.Task.WaitAsync(Cancel) : Task.CompletedTask).RunAsync(Cancel));
        Assert.Equal([0, 10, 20, 30], (await RunsAsync()).Select(r => (int)(r.Utc - new DateTimeOffset(2026, 10, 25, 0, 0, 0, default))
            .TotalMinutes));
        await stop.CancelAsync();
        await delivering;
    }

    [Fact]
    public async Task Quantiles_of_few_runs_are_not_given()
    {
        await _clock.FinishAsync(Watch(3, _ => { }, delay: () => 100 + _running).RunAsync(Cancel));
        var page = await PageAsync();
        Assert.Contains("<td>102 ms</td><td>n = 3, too few for p95</td><td>3</td>", page, StringComparison.Ordinal);
        Assert.Equal(19, OverRuns.Quantile([.. Enumerable.Range(1, 20).Select(n => (double)n)], 0.95));
        Assert.Null(OverRuns.Quantile([1, 2], 0.5));
    }

    private Watcher Watch(int? runs, Action<string> measuring, Func<double>? delay = null, Func<string>? validity = null,
        int keepReports = 50, AlertDelivery? delivery = null, Func<Task>? before = null, TimeSpan? every = null,
        WatchSeries? series = null, TimeProvider? clock = null) => new(new WatchOptions
        {
            Series = series ?? Measured.Series,
            Every = every ?? Ten,
            Profile = "glance",
            Folder = _folder,
            Requirements = [Measured.Fast],
            Runs = runs,
            KeepReports = keepReports,
        }, _history, delivery, async (folder, cancel) =>
        {
            await (before?.Invoke() ?? Task.CompletedTask);
            _running++;
            measuring(folder);
            cancel.ThrowIfCancellationRequested();
            return new Measurement(Measured.Report(delay?.Invoke() ?? 100, validity: validity?.Invoke() ?? "VALID"), 0.5);
        }, clock ?? _clock, _said.Add);

    private Task<IReadOnlyList<WatchRun>> RunsAsync() => _history.RunsAsync(Measured.Series, 100, Cancel);

    private Task<string> PageAsync() => File.ReadAllTextAsync(Path.Combine(_folder, WatchPage.File), Cancel);
}
