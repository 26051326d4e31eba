namespace TrueLive.WebRtc.Timing;

/// <summary>
/// A moment on the clock of an endpoint, in microseconds; differences are microseconds, too. RTP times count other clocks and are never of
/// this type. The default is "not yet".
/// </summary>
internal readonly record struct Instant(long Microseconds)
{
    /// <summary>Longer ago than any interval that is waited for.</summary>
    public static readonly Instant LongAgo = new(long.MinValue / 2);

    /// <summary>Later than anything.</summary>
    public static readonly Instant Never = new(long.MaxValue);

    public static Instant operator +(Instant moment, long microseconds) => new(moment.Microseconds + microseconds);

    public static Instant operator -(Instant moment, long microseconds) => new(moment.Microseconds - microseconds);

    public static Instant operator +(Instant moment, TimeSpan time) => new(moment.Microseconds + (long)time.TotalMicroseconds);

    public static long operator -(Instant later, Instant earlier) => later.Microseconds - earlier.Microseconds;

    public static bool operator <(Instant a, Instant b) => a.Microseconds < b.Microseconds;

    public static bool operator >(Instant a, Instant b) => a.Microseconds > b.Microseconds;

    public static bool operator <=(Instant a, Instant b) => a.Microseconds <= b.Microseconds;

    public static bool operator >=(Instant a, Instant b) => a.Microseconds >= b.Microseconds;
}
