using TrueLive.Server.Usage;

namespace TrueLive.Server.Fleet;

/// <summary>
/// What a worker tells its fleet of usage over one link: what this process counts, and beside that all that its data folder has of the last
/// weeks, the latest day first, since nobody knows which of it arrived. Thread-safe.
/// </summary>
internal sealed class UsageOutbox(UsageKeeper keeper, UsageLedger ledger, UsageMeter meter, TimeProvider time)
{
    /// <summary>Rows in one report.</summary>
    public const int Most = 1024;

    /// <summary>Days after which a row is not sent any more.</summary>
    public const int Days = 35;

    private readonly Lock _gate = new();
    private Queue<UsageRow> _backlog = new();
    private long _sent;

    /// <summary>A link has begun. Ends when the data folder is read, which nothing waits for: a disk may hang.</summary>
    public async Task BeginAsync(CancellationToken ended)
    {
        lock (_gate)
            (_backlog, _sent) = (new Queue<UsageRow>(), 0);
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        try
        {
            var rows = await keeper.ReadAsync(today.AddDays(-Days), today, ended).WaitAsync(ended).ConfigureAwait(false);
            lock (_gate)
            {
                // The link may have ended meanwhile, and another one begun.
                if (!ended.IsCancellationRequested)
                    _backlog = new Queue<UsageRow>(rows.OrderByDescending(r => r.Day));
            }
        }
        catch (Exception unread) when (unread is IOException || ended.IsCancellationRequested)
        {
            // What this process counts itself is sent all the same.
        }
    }

    /// <summary>What is to be sent next; null for nothing.</summary>
    public IReadOnlyList<UsageRow>? Next()
    {
        lock (_gate)
        {
            var (changed, change) = ledger.Since(_sent, Most);
            _sent = change;
            var rows = changed.ToList();
            while (rows.Count < Most && _backlog.TryDequeue(out var row))
                rows.Add(row);
            return rows.Count > 0 ? rows : null;
        }
    }

    /// <summary>As <see cref="Next"/>, with what the sessions have used to this moment.</summary>
    public IReadOnlyList<UsageRow>? Last()
    {
        meter.Look();
        return Next();
    }
}
