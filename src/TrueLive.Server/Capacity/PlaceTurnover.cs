namespace TrueLive.Server.Capacity;

/// <summary>
/// How often places become free: sessions that ended, by the time that all sessions ran, so that long ones that have not ended count as
/// well. Not thread-safe.
/// </summary>
internal sealed class PlaceTurnover(TimeProvider time)
{
    /// <summary>Ends before which nothing is said.</summary>
    public const int Enough = 8;

    // A session that was over at once, such as one whose offer could not be answered, freed a place that it had only just taken.
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);

    // Older sessions count half as much each time that so many have ended.
    private const int Recent = 256;

    private double _seconds;
    private double _weight;
    private int _running;
    private long _at = time.GetTimestamp();

    /// <summary>Sessions that have ended.</summary>
    public int Ended { get; private set; }

    /// <summary>From now on so many sessions run.</summary>
    public void Runs(int sessions)
    {
        var now = time.GetTimestamp();
        _seconds += _running * time.GetElapsedTime(_at, now).TotalSeconds;
        (_running, _at) = (sessions, now);
    }

    /// <summary>A session ended that ran for so long.</summary>
    public void End(TimeSpan ran)
    {
        if (ran < Shortest)
            return;
        Ended++;
        _weight++;
        if (_weight >= 2 * Recent)
            (_weight, _seconds) = (_weight / 2, _seconds / 2);
    }

    /// <summary>Time after which so many places have become free, in the mean; null while it is not known.</summary>
    /// <param name="places">Places that are wanted.</param>
    /// <param name="running">Sessions whose places they could be.</param>
    public TimeSpan? Until(int places, int running)
    {
        Runs(_running);
        return Ended < Enough || running == 0 ? null : TimeSpan.FromSeconds(places * _seconds / (_weight * running));
    }
}
