using System.Data.Common;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text.Json;
using TrueLive.Media.Files;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Requirements;
using TrueLive.Probe.Targets;

namespace TrueLive.Watch;

/// <summary>How a watch is kept.</summary>
public sealed record WatchOptions
{
    /// <summary>What is measured, and from where.</summary>
    public required WatchSeries Series { get; init; }

    /// <summary>Time from the beginning of a run to that of the next.</summary>
    public required TimeSpan Every { get; init; }

    /// <summary>Name of the probe's profile.</summary>
    public required string Profile { get; init; }

    /// <summary>Folder of the reports and of the page.</summary>
    public required string Folder { get; init; }

    /// <summary>What must be met.</summary>
    public IReadOnlyList<Requirement> Requirements { get; init; } = [];

    /// <summary>Results in a row after which a rule counts as broken, or as met again.</summary>
    public int AlertAfter { get; init; } = 2;

    /// <summary>Runs that the history keeps; 13,000 are 90 days at ten minutes.</summary>
    public int KeepRuns { get; init; } = 13_000;

    /// <summary>Reports that are kept.</summary>
    public int KeepReports { get; init; } = 50;

    /// <summary>Runs after which the watch ends; null goes on until it is stopped.</summary>
    public int? Runs { get; init; }

    /// <summary>A run that takes longer is ended.</summary>
    public TimeSpan Longest { get; init; } = TimeSpan.FromMinutes(30);
}

/// <summary>A run as it was measured.</summary>
/// <param name="Report">Its report.</param>
/// <param name="StartUp">Seconds until the target took pictures; null when not measured.</param>
public sealed record Measurement(ProbeReport Report, double? StartUp);

/// <summary>
/// Measures on a schedule, one run at a time, and keeps what came out. What cannot be kept, because the disk is full or the database is
/// away, is held in memory and kept in order as soon as it can be.
/// </summary>
/// <param name="options">How.</param>
/// <param name="history">Where runs are kept.</param>
/// <param name="delivery">Who is told; null for nobody.</param>
/// <param name="measure">Makes one run with its report in this folder.</param>
/// <param name="time">The clock.</param>
/// <param name="say">Receives in words what happens.</param>
public sealed class Watcher(WatchOptions options, WatchHistory history, AlertDelivery? delivery,
    Func<string, CancellationToken, Task<Measurement>> measure, TimeProvider time, Action<string> say)
{
    /// <summary>The rule that every watch has: met by a run to its end, broken by one that came to none.</summary>
    public const string CanBeMeasured = "can be measured";

    // A clock that was set is noticed after this long, and what could not be kept is tried again.
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(15);

    private const int MostUnkept = 1000;
    private const string Late = "kept later, since the history could not be written";
    private readonly Queue<(WatchRun Run, ProbeReport? Report)> _unkept = [];
    private bool _told;
    private int _dropped;

    /// <summary>Runs until it is stopped, or as often as the options say. A run that is under way when it is stopped is kept.</summary>
    /// <returns>Runs that could not be kept to the end.</returns>
    public async Task<int> RunAsync(CancellationToken stop)
    {
        var last = await history.RunsAsync(options.Series, 1, stop).ConfigureAwait(false);
        var schedule = new WatchSchedule(time, options.Every, last.Count > 0 ? last[0].Utc : null);
        try
        {
            for (var made = 0; made != options.Runs; made++)
            {
                for (var left = schedule.Left; left > TimeSpan.Zero; left = schedule.Left)
                {
                    await Task.Delay(left < Look ? left : Look, time, stop).ConfigureAwait(false);
                    if (_unkept.Count > 0)
                        await KeepAsync().ConfigureAwait(false);
                }
                await OnceAsync(schedule.Begin(), stop).ConfigureAwait(false);
                schedule.End();
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        await KeepAsync().ConfigureAwait(false);
        return _unkept.Count + _dropped;
    }

    private async Task OnceAsync(DueRun due, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        var began = (Utc: time.GetUtcNow(), Stamp: time.GetTimestamp());
        var name = ReportFolders.Name(options.Series, began.Utc);
        var (run, report) = await MeasureAsync(name, began.Utc, stop).ConfigureAwait(false);
        var notes = new[]
        {
            run.Note,
            due.ClockBack is { } back ? FormattableString.Invariant($"the clock was set back by {back:0} s before it") : null,
        };
        run = run with
        {
            Seconds = Math.Round(time.GetElapsedTime(began.Stamp).TotalSeconds, 3),
            Missed = due.Missed,
            Skipped = due.Skipped,
            ClockBack = due.ClockBack,
            Note = notes.Any(n => n is not null) ? string.Join("; ", notes.Where(n => n is not null)) : null,
        };
        _unkept.Enqueue((run, report));
        if (_unkept.Count > MostUnkept)
        {
            _unkept.Dequeue();
            if (_dropped++ == 0)
                say($"The history has been away for {MostUnkept} runs; from now on the oldest that wait are dropped and counted.");
        }
        await KeepAsync().ConfigureAwait(false);
    }

    private async Task<(WatchRun Run, ProbeReport? Report)> MeasureAsync(string name, DateTimeOffset utc, CancellationToken stop)
    {
        var run = new WatchRun { Series = options.Series, Utc = utc, Profile = options.Profile };
        using var longest = new CancellationTokenSource(options.Longest, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop, longest.Token);
        string Ended() => stop.IsCancellationRequested ? "the watch was stopped during the run"
            : FormattableString.Invariant($"it took longer than {options.Longest.TotalMinutes:0} minutes");
        try
        {
            var (report, startUp) = await measure(Path.Combine(options.Folder, name), limit.Token).ConfigureAwait(false);
            run = RunReading.Of(run, report, startUp, options.Requirements) with { Folder = name };
            var cut = limit.IsCancellationRequested && run.Outcome == RunOutcome.Failed;
            return (cut ? NotRun(Ended()) with { Folder = name } : run, report);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            return (NotRun(Ended()), null);
        }
        catch (Exception error) when (OfThisMachine(error))
        {
            say($"The run is lost: {error.Message}");
            return (run with { Outcome = RunOutcome.Lost, Note = RunReading.Short($"this machine failed: {error.Message}") }, null);
        }
        catch (Exception error) when (error is TargetException or IOException or SocketException or HttpRequestException
            or WebSocketException or JsonException or OperationCanceledException)
        {
            return (NotRun(RunReading.Short(error.Message)!), null);
        }
        catch (Exception fault)
        {
            // A watch of weeks does not end with one run, and must not measure nothing for weeks without a message either.
            say($"This is a fault in TrueLive. Please report it with these lines:\n{fault}");
            return (NotRun(RunReading.Short($"a fault in TrueLive: {fault.Message}")!), null);
        }

        WatchRun NotRun(string why) => stop.IsCancellationRequested
            ? run with { Outcome = RunOutcome.Stopped, Note = why }
            : run with { Outcome = RunOutcome.Failed, Note = why, Rules = [new RuleResult(CanBeMeasured, "FAIL", why)] };
    }

    // Errors of files carry the system's number. A connection that breaks is an IOException, too, but has none.
    private static bool OfThisMachine(Exception error) => error is UnauthorizedAccessException or FileNotFoundException
        or DirectoryNotFoundException or PathTooLongException or MediaMachineException or MediaInterruptedException or OutOfMemoryException
        or IOException { HResult: > 0 };

    // Not cancelled: what has been measured is written also when the watch is being stopped.
    private async Task KeepAsync()
    {
        try
        {
            while (_unkept.TryPeek(out var next))
            {
                var run = await history.AppendAsync(next.Run, options.AlertAfter,
                    delivery is null ? null : (numbered, name, rules) => AlertBody.Of(numbered, name, rules, next.Report),
                    options.KeepRuns, CancellationToken.None).ConfigureAwait(false);
                _unkept.Dequeue();
                say($"Run {run.Number}: {run.Sentence ?? run.Note ?? run.Outcome.ToString()}");
            }
            _told = false;
            delivery?.Wake();
            await ReportFolders.ThinAsync(history, options.Series, options.Folder, options.KeepReports, CancellationToken.None)
                .ConfigureAwait(false);
            await WatchPage.WriteAsync(history, options.Folder, time.GetUtcNow(), CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error) when (error is DbException or IOException or UnauthorizedAccessException or SocketException
            or TimeoutException)
        {
            if (!_told)
                say($"{(_unkept.Count > 0 ? $"The history cannot be written, {_unkept.Count} runs wait in memory" :
                    "The status page cannot be written")}: {error.Message}");
            _told = true;
            foreach (var waiting in _unkept.ToArray())
            {
                _unkept.Dequeue();
                _unkept.Enqueue(waiting.Run.Note?.Contains(Late, StringComparison.Ordinal) == true ? waiting
                    : (waiting.Run with { Note = waiting.Run.Note is { } note ? $"{note}; {Late}" : Late }, waiting.Report));
            }
        }
    }
}
