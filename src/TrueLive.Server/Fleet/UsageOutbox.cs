using TrueLive.Server.Usage;

namespace TrueLive.Server.Fleet;

/// <summary>
/// What a worker tells its fleet of usage over one link: all that its data folder has of the last weeks, since nobody knows which of it
/// arrived, and what changes.
/// </summary>
internal sealed class UsageOutbox(UsageKeeper keeper, UsageLedger ledger, UsageMeter meter, TimeProvider time)
{
    /// <summary>Rows in one report.</summary>
    public const int Most = 1024;

    /// <summary>Days after which a row is not sent any more.</summary>
    public const int Days = 35;

    private Task<Queue<UsageRow>> _backlog = Task.FromResult(new Queue<UsageRow>());
    private long _sent;

    /// <summary>A link has begun, and does not wait for the disk.</summary>
    public void Begin(CancellationToken ended) => (_sent, _backlog) = (0, ReadAsync(ended));

    /// <summary>What is to be sent next; null for nothing.</summary>
    public IReadOnlyList<UsageRow>? Next()
    {
        var rows = new List<UsageRow>();
        while (rows.Count < Most && _backlog.IsCompletedSuccessfully && _backlog.Result.TryDequeue(out var row))
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

    private async Task<Queue<UsageRow>> ReadAsync(CancellationToken ended)
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        try
        {
            return new Queue<UsageRow>(await keeper.ReadAsync(today.AddDays(-Days), today, ended).ConfigureAwait(false));
        }
        catch (IOException)
        {
            // What this process counts itself is sent all the same.
            return new Queue<UsageRow>();
        }
    }
}
