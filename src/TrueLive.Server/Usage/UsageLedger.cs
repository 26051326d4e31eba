using System.Security.Cryptography;

namespace TrueLive.Server.Usage;

/// <summary>
/// The rows that this process counts itself, and those that it was told, until they are written and their day is over. Thread-safe.
/// </summary>
internal sealed class UsageLedger(TimeProvider time)
{
    /// <summary>Rows at most; further ones are refused, since they mean a source that invents owners.</summary>
    public const int MaxRows = 100_000;

    private const int MaxTotals = 1000;

    private readonly Lock _gate = new();
    private readonly Dictionary<UsageId, (UsageRow Row, long Change)> _rows = [];
    private readonly Dictionary<(string Key, string Kind), UsageTotal> _totals = [];
    private string _source = NewSource();
    private long _change;
    private long _refused;

    /// <summary>Grows with each change.</summary>
    public long Change => Interlocked.Read(ref _change);

    /// <summary>Rows that were refused.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    private DateOnly Today => DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);

    /// <summary>Counts what an owner has used now.</summary>
    public void Add(string owner, string key, string kind, string model, long sessions, double seconds, long frames, long bytes)
    {
        lock (_gate)
        {
            var id = new UsageId(Today, _source, owner, kind, model);
            var row = _rows.TryGetValue(id, out var known) ? known.Row
                : new UsageRow(id.Day, id.Source, owner, key, kind, model, 0, 0, 0, 0);
            Put(row with
            {
                Key = key.Length > 0 ? key : row.Key,
                Sessions = row.Sessions + sessions,
                Seconds = row.Seconds + seconds,
                Frames = row.Frames + frames,
                Bytes = row.Bytes + bytes,
            });
            // Many keys are one beyond this number, so that a metric does not grow without end.
            var name = key.Length > 0 ? key : owner;
            var place = _totals.ContainsKey((name, kind)) || _totals.Count < MaxTotals ? (name, kind) : ("others", kind);
            var total = _totals.GetValueOrDefault(place) ?? new UsageTotal(place.Item1, kind, 0, 0, 0);
            _totals[place] = total with
            {
                Seconds = total.Seconds + seconds,
                Frames = total.Frames + frames,
                Bytes = total.Bytes + bytes,
            };
        }
    }

    /// <summary>Takes rows that another process has counted.</summary>
    public void Take(IEnumerable<UsageRow> rows)
    {
        lock (_gate)
        {
            foreach (var row in rows)
            {
                var later = _rows.TryGetValue(row.Id, out var known) ? UsageRow.Later(known.Row, row) : row;
                if (later != known.Row)
                    Put(later);
            }
        }
    }

    /// <summary>Rows that have changed since, the earliest changes first, and the change up to which they go.</summary>
    public (IReadOnlyList<UsageRow> Rows, long Change) Since(long change, int most)
    {
        lock (_gate)
        {
            var changed = _rows.Values.Where(r => r.Change > change).OrderBy(r => r.Change).Take(most).ToList();
            return ([.. changed.Select(r => r.Row)], changed.Count > 0 ? changed[^1].Change : change);
        }
    }

    /// <summary>What this process has counted itself since it began.</summary>
    public IReadOnlyList<UsageTotal> Totals()
    {
        lock (_gate)
            return [.. _totals.Values];
    }

    /// <summary>Rows of these days.</summary>
    public IReadOnlyList<UsageRow> Between(DateOnly from, DateOnly to)
    {
        lock (_gate)
            return [.. _rows.Values.Select(r => r.Row).Where(r => r.Day >= from && r.Day <= to)];
    }

    /// <summary>
    /// Leaves to the store what was written up to a change: what others have counted, since they tell all of it when it changes, and
    /// what is of a day that is over.
    /// </summary>
    public void Forget(long written)
    {
        lock (_gate)
        {
            var before = Today.AddDays(-1);
            var over = _rows.Where(r => r.Value.Change <= written
                && (r.Key.Source != _source || r.Key.Day < before)).Select(r => r.Key).ToList();
            foreach (var id in over)
                _rows.Remove(id);
            // A clock that is set back may return to that day, whose rows then begin anew: under another name, so that both count.
            if (over.Exists(id => id.Source == _source))
                _source = NewSource();
        }
    }

    private static string NewSource() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    private void Put(UsageRow row)
    {
        if (_rows.Count >= MaxRows && !_rows.ContainsKey(row.Id))
            _refused++;
        else
            _rows[row.Id] = (row, ++_change);
    }
}

/// <summary>What one key has used of one kind since the process began.</summary>
internal sealed record UsageTotal(string Key, string Kind, double Seconds, long Frames, long Bytes);
