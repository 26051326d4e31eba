using TrueLive.Server.Live.Sessions;

namespace TrueLive.Fleet.Grains;

/// <content>Quotas of keys over all workers.</content>
internal sealed partial class FleetDirectory
{
    // Each control node repeats it before that.
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(30);

    // A worker whose link was to a control node that hangs has found another one by then.
    private static readonly TimeSpan LinkTime = TimeSpan.FromMinutes(1);

    // Sessions that are gone, and whose worker may be back with them.
    private const int MostRemembered = 20_000;

    private readonly Dictionary<string, (string Words, long At, int Month)> _stopped = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _owners = new(StringComparer.Ordinal);
    private readonly Queue<string> _remembered = new();

    /// <summary>Ends all sessions of an owner whose minutes of this month are used up.</summary>
    public void Stop(string owner, string words) => _stopped[owner] = (words, time.GetTimestamp(), Month);

    private int Month => time.GetUtcNow().UtcDateTime.Month;

    private string? WhyStopped(string owner) => _stopped.TryGetValue(owner, out var stop) && IsNow(stop) ? stop.Words : null;

    private bool IsNow((string Words, long At, int Month) stop) => time.GetElapsedTime(stop.At) < StopTime && stop.Month == Month;

    private void ForgetStops()
    {
        foreach (var (owner, _) in _stopped.Where(s => !IsNow(s.Value)).ToList())
            _stopped.Remove(owner);
    }

    private bool HasAll(string owner, int most) => most > 0 && _seats.Values.Count(s => s.Owner == owner) >= most;

    // A worker that was cut off may be back with it.
    private void Remember(string id, string? owner)
    {
        if (owner is null || !_owners.TryAdd(id, owner))
            return;
        _remembered.Enqueue(id);
        if (_remembered.Count > MostRemembered)
            _owners.Remove(_remembered.Dequeue());
    }

    // What a worker says later of the owners of sessions that nobody gave to it does not count: it would use up others' quotas.
    private string? OwnerOf(KeptSession session, bool atFirst) => _owners.GetValueOrDefault(session.Id)
        ?? (IsWaking || (atFirst && time.GetElapsedTime(_began) < LinkTime) ? session.Owner : null);
}
