using TrueLive.Server.Usage;

namespace TrueLive.Server.Fleet;

/// <summary>
/// What a worker tells its fleet of usage over one link: first all that its data folder has of the last weeks, since nobody knows which of
/// it arrived, then what changes.
/// </summary>
internal sealed class UsageOutbox(UsageKeeper keeper, UsageLedger ledger, UsageMeter meter, TimeProvider time)
{
    /// <summary>Rows in one report.</summary>
    public const int Most = 1024;

    /// <summary>Days after which a row is not sent any more.</summary>
    public const int Days = 35;

    private readonly Queue<UsageRow> _backlog = new();
    private long _sent;

    /// <summary>A link has begun.</summary>
    public async Task BeginAsync(CancellationToken cancel)
    {
        _backlog.Clear();
        _sent = 0;
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        try
        {
            foreach (var row in await keeper.ReadAsync(today.AddDays(-Days), today, cancel).ConfigureAwait(false))
                _backlog.Enqueue(row);
        }
        catch (IOException)
        {
            // The keeper has said so: what this process counts itself is sent all the same.
        }
    }

    /// <summary>What is to be sent next; null for nothing.</summary>
    public IReadOnlyList<UsageRow>? Next()
    {
        var rows = new List<UsageRow>();
        while (rows.Count < Most && _backlog.TryDequeue(out var row))
            rows.Add(row);
        var (changed, change) = ledger.Since(_sent, Most - rows.Count);
        rows.AddRange(changed);
        _sent = change;
        return rows.Count > 0 ? rows : null;
    }

    /// <summary>As <see cref="Next"/>, with what the sessions have used to this moment.</summary>
    public IReadOnlyList<UsageRow>? Last()
    {
        meter.Look();
        return Next();
    }
}
