using Microsoft.Extensions.Logging;
using TrueLive.Server.Access;
using TrueLive.Server.Fleet;
using TrueLive.Server.Usage;

namespace TrueLive.Fleet.Links;

/// <summary>
/// Takes what workers have counted, within what an honest one may count. The names of keys are known here alone. Thread-safe.
/// </summary>
internal sealed partial class FleetUsage(UsageLedger ledger, ApiKeyRing ring, TimeProvider time, ILogger<FleetUsage> logger)
{
    /// <summary>Rows of one day that one worker may tell of, over all its links: it would have made up more.</summary>
    public const int MostOfOneDay = 2_000;

    // Of one run on one day: as many sessions as a worker may have, all day long.
    private const double MostSeconds = 86_400.0 * LinkCodec.MaxSessions;

    private readonly Lock _gate = new();

    // By worker and day, hashes of the rows' ids: all ids of a large fleet would be many, and two of one hash do no harm.
    private readonly Dictionary<string, Dictionary<DateOnly, HashSet<int>>> _known = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateOnly> _told = new(StringComparer.Ordinal);

    /// <summary>Takes what a worker tells, but for what none may have counted.</summary>
    public void Take(string worker, IReadOnlyList<UsageRow> rows)
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        // A day of the future would be beyond every month that is looked at, and one of the past would change what was charged for.
        var (first, last) = (today.AddDays(-UsageOutbox.Days - 1), today.AddDays(1));
        lock (_gate)
        {
            if (!_known.TryGetValue(worker, out var days))
                _known[worker] = days = [];
            foreach (var over in days.Keys.Where(d => d < first).ToList())
                days.Remove(over);
            var (far, many, full, taken) = (false, false, ledger.Refused, new List<UsageRow>(rows.Count));
            foreach (var row in rows)
            {
                if (row.Day < first || row.Day > last)
                {
                    far = true;
                    continue;
                }
                if (!days.TryGetValue(row.Day, out var ids))
                    days[row.Day] = ids = [];
                var id = row.Id.GetHashCode();
                if (row.Seconds <= MostSeconds && (ids.Contains(id) || (ids.Count < MostOfOneDay && ids.Add(id))))
                    taken.Add(row with { Key = ring.NameOf(row.Owner) });
                else
                    many = true;
            }
            ledger.Take(taken);
            var why = far ? $"They are of days before {first:yyyy-MM-dd} or after {last:yyyy-MM-dd}: the date of that machine may be wrong."
                : many ? $"It tells of more than {MostOfOneDay} of one day, or of more time than a day has: it may have made them up."
                : ledger.Refused > full ? "There are more than this control node holds until they are written to the store." : null;
            ledger.Refuse(rows.Count - taken.Count);
            // Once a day for each worker.
            if (why is not null && _told.GetValueOrDefault(worker) != today)
            {
                _told[worker] = today;
                LogRefused(worker, why);
            }
        }
    }

    [LoggerMessage(EventId = 8106, EventName = "fleet_usage_refused", Level = LogLevel.Warning,
        Message = "Rows of usage that worker {Worker} tells are not taken. {Why}")]
    private partial void LogRefused(string worker, string why);
}
