namespace TrueLive.Server.Telemetry;

/// <summary>
/// Lets each cause be logged once a minute and counts what was left out. Remembers a bounded number of causes. Thread-safe.
/// </summary>
internal sealed class LogPace(TimeProvider time)
{
    /// <summary>Causes that are told apart; all further ones count as one.</summary>
    public const int MaxCauses = 256;

    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (long Said, long Left)> _causes = [];

    /// <summary>Whether to log it now, and how often it was left out since it was last logged.</summary>
    public bool Due(string cause, out long left)
    {
        lock (_gate)
        {
            if (_causes.Count >= MaxCauses && !_causes.ContainsKey(cause))
            {
                foreach (var old in _causes.Where(c => time.GetElapsedTime(c.Value.Said) >= Pause).Select(c => c.Key).ToArray())
                    _causes.Remove(old);
                if (_causes.Count >= MaxCauses)
                    cause = "";
            }
            var known = _causes.TryGetValue(cause, out var last);
            left = last.Left;
            var due = !known || time.GetElapsedTime(last.Said) >= Pause;
            _causes[cause] = due ? (time.GetTimestamp(), 0) : (last.Said, left + 1);
            return due;
        }
    }
}
