using TrueLive.Server.Configuration;

namespace TrueLive.Server.Usage;

/// <summary>Writes the ledger to the store every few seconds, and answers what was used when.</summary>
internal sealed partial class UsageKeeper(
    UsageLedger ledger, IUsageStore store, ServerOptions options, TimeProvider time, ILogger<UsageKeeper> logger) : BackgroundService
{
    /// <summary>A process that is killed loses what it counted in this time at most.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CleanEvery = TimeSpan.FromHours(1);

    private readonly SemaphoreSlim _turn = new(1, 1);
    private long _written;
    private bool _failed;

    /// <summary>Rows of these days, those that are not written yet included.</summary>
    /// <exception cref="IOException">The store cannot be read.</exception>
    public async Task<IReadOnlyList<UsageRow>> ReadAsync(DateOnly from, DateOnly to, CancellationToken cancel)
    {
        // First the ledger: rows that go from it to the store meanwhile are in one of the two.
        var held = ledger.Between(from, to);
        return UsageFolder.Union([held, await store.ReadAsync(from, to, cancel).ConfigureAwait(false)]);
    }

    /// <summary>Rows that were read before, with what this process has counted and was told of these days since.</summary>
    public IReadOnlyList<UsageRow> Renew(IReadOnlyList<UsageRow> read, DateOnly from, DateOnly to) =>
        UsageFolder.Union([read.Where(r => r.Day >= from && r.Day <= to), ledger.Between(from, to)]);

    /// <summary>Writes what is left.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
        await WriteAsync(CancellationToken.None).ConfigureAwait(false);
    }

    public override void Dispose()
    {
        _turn.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // A machine that has just begun may not know the date yet.
        var (wrote, cleaned) = ((long?)null, time.GetTimestamp());
        using var timer = new PeriodicTimer(LookEvery, time);
        try
        {
            do
            {
                if (ledger.Change > _written && (ledger.IsFilling || wrote is not { } last || time.GetElapsedTime(last) >= Pause))
                {
                    wrote = time.GetTimestamp();
                    await WriteAsync(stoppingToken).ConfigureAwait(false);
                }
                if (time.GetElapsedTime(cleaned) >= CleanEvery)
                {
                    cleaned = time.GetTimestamp();
                    await CleanAsync(stoppingToken).ConfigureAwait(false);
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private async Task WriteAsync(CancellationToken cancel)
    {
        await _turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            try
            {
                await WriteSinceAsync(_written, cancel).ConfigureAwait(false);
            }
            catch (IOException) when (_written > 0)
            {
                // What was written before may be lost with it.
                await WriteSinceAsync(_written = 0, cancel).ConfigureAwait(false);
            }
            _failed = false;
            ledger.Forget(_written);
        }
        catch (IOException error)
        {
            // The rows stay in memory, and are written when that works again.
            if (!_failed)
                LogUnwritten(error.Message);
            _failed = true;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task WriteSinceAsync(long written, CancellationToken cancel)
    {
        var (rows, change) = ledger.Since(written, int.MaxValue);
        if (rows.Count > 0)
            await store.WriteAsync(rows, cancel).ConfigureAwait(false);
        _written = change;
    }

    private async Task CleanAsync(CancellationToken cancel)
    {
        try
        {
            var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
            // One machine whose date is wrong would delete what is of all.
            if (await store.TodayAsync(cancel).ConfigureAwait(false) is { } there && there < today)
                today = there;
            await store.ForgetAsync(today.AddDays(-options.UsageKeepDays), cancel).ConfigureAwait(false);
        }
        catch (IOException error)
        {
            LogUncleaned(error.Message);
        }
    }

    [LoggerMessage(EventId = 5102, EventName = "usage_unwritten", Level = LogLevel.Error,
        Message = "What keys have used cannot be written and is kept in memory until it can: {Why}")]
    private partial void LogUnwritten(string why);

    [LoggerMessage(EventId = 5103, EventName = "usage_uncleaned", Level = LogLevel.Warning,
        Message = "Usage that is past its time could not be deleted: {Why}")]
    private partial void LogUncleaned(string why);
}
