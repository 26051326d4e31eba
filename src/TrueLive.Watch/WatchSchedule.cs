namespace TrueLive.Watch;

/// <summary>What the schedule has to say about a run that begins.</summary>
/// <param name="Missed">Times that passed while nothing was running.</param>
/// <param name="Skipped">Times that passed while the run before was still going.</param>
/// <param name="ClockBack">Seconds by which the clock was set back; null when it was not.</param>
internal readonly record struct DueRun(int Missed, int Skipped, double? ClockBack);

/// <summary>
/// Evenly spaced times. They are followed on two clocks: the wall clock goes on while the machine sleeps, and the monotonic clock cannot be
/// set. A time has come when either says so, and a time that has passed is never made up for, so nothing ever runs in a burst.
/// </summary>
internal sealed class WatchSchedule
{
    // Less than this is a clock that is being disciplined.
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _time;
    private readonly TimeSpan _every;
    private DateTimeOffset _dueUtc;
    private long _dueStamp;
    private int _missed;
    private int _skipped;
    private double? _clockBack;

    /// <summary>A schedule that goes on from the last run; one that has none begins now.</summary>
    public WatchSchedule(TimeProvider time, TimeSpan every, DateTimeOffset? last)
    {
        (_time, _every) = (time, every);
        var now = time.GetUtcNow();
        (_dueUtc, _dueStamp) = (now, time.GetTimestamp());
        if (last is not { } before)
            return;
        if (before > now + Step)
            _clockBack = (before - now).TotalSeconds;
        else
            Move(before + every - now);
    }

    /// <summary>Time until the next run is due; zero or less when it is.</summary>
    public TimeSpan Left => -Late;

    private TimeSpan Late
    {
        get
        {
            var (wall, steady) = (_time.GetUtcNow() - _dueUtc, _time.GetElapsedTime(_dueStamp));
            return wall > steady ? wall : steady;
        }
    }

    /// <summary>Takes the run that is due.</summary>
    public DueRun Begin()
    {
        var late = Late;
        var steady = _time.GetElapsedTime(_dueStamp);
        if (steady - (_time.GetUtcNow() - _dueUtc) > Step)
            _clockBack = (_clockBack ?? 0) + (steady - (_time.GetUtcNow() - _dueUtc)).TotalSeconds;
        _missed += Passed(late);
        // Both clocks agree again, on the latest of the times that have come.
        (_dueUtc, _dueStamp) = (_time.GetUtcNow(), _time.GetTimestamp());
        Move(_every * Passed(late) - late);
        var due = new DueRun(_missed, _skipped, _clockBack is { } back ? Math.Round(back, 1) : null);
        (_missed, _skipped, _clockBack) = (0, 0, null);
        return due;
    }

    /// <summary>Sets the next time, once the run has ended.</summary>
    public void End()
    {
        Move(_every);
        if (Late > TimeSpan.Zero)
        {
            _skipped = (int)Math.Min(Math.Ceiling(Late / _every), int.MaxValue / 2);
            Move(_every * _skipped);
        }
    }

    private int Passed(TimeSpan late) => (int)Math.Clamp(Math.Floor(late / _every), 0, int.MaxValue / 2);

    private void Move(TimeSpan by)
    {
        _dueUtc += by;
        _dueStamp += (long)(by.TotalSeconds * _time.TimestampFrequency);
    }
}
