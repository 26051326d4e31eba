namespace TrueLive.Fleet.Grains;

/// <content>Quotas of keys over all workers.</content>
internal sealed partial class FleetDirectory
{
    // Each control node repeats it before that.
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(30);

    private readonly Dictionary<string, (string Words, long At)> _stopped = new(StringComparer.Ordinal);

    /// <summary>Ends all sessions of an owner whose minutes are used up.</summary>
    public void Stop(string owner, string words) => _stopped[owner] = (words, time.GetTimestamp());

    private string? WhyStopped(string owner) =>
        _stopped.TryGetValue(owner, out var stop) && time.GetElapsedTime(stop.At) < StopTime ? stop.Words : null;

    // What a worker says later of the owners of sessions that nobody gave to it does not count: it would use up others' quotas.
    private bool HasAll(string owner, int most) => most > 0 && _seats.Values.Count(s => s.Owner == owner) >= most;
}
