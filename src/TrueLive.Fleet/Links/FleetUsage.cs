using TrueLive.Server.Access;
using TrueLive.Server.Fleet;
using TrueLive.Server.Usage;

namespace TrueLive.Fleet.Links;

/// <summary>Takes what workers have counted. The names of keys are known here alone.</summary>
internal sealed class FleetUsage(UsageLedger ledger, ApiKeyRing ring, TimeProvider time)
{
    // A worker with more has made them up.
    private const int MostOfOneLink = 10_000;

    /// <summary>For what one worker tells over one link.</summary>
    public Counted OneLink() => new(this);

    /// <summary>The rows of one link.</summary>
    public sealed class Counted(FleetUsage usage)
    {
        private readonly HashSet<UsageId> _known = [];

        public void Take(IReadOnlyList<UsageRow> rows) => usage.Take(rows.Where(r =>
            _known.Contains(r.Id) || (_known.Count < MostOfOneLink && _known.Add(r.Id))));
    }

    // A day of the future would be beyond every month that is looked at, and one of the past would change what was already charged for.
    private void Take(IEnumerable<UsageRow> rows)
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        ledger.Take(rows.Where(r => r.Day >= today.AddDays(-UsageOutbox.Days - 1) && r.Day <= today.AddDays(1))
            .Select(r => ring.NameOf(r.Owner) is { Length: > 0 } name ? r with { Key = name } : r));
    }
}
