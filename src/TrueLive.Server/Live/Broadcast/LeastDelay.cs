namespace TrueLive.Server.Live.Broadcast;

/// <summary>
/// By how much one clock lies behind another, told by things that carry the time of both: the least of the last two to four seconds, since
/// what was held up on its way says too much. Not thread-safe.
/// </summary>
internal sealed class LeastDelay
{
    private const long Window = 2 * 90_000;

    private long _before;
    private long _now;

    /// <summary>
    /// The window of two seconds that the last thing told lies in, by the clock that all estimates share: where a delay grows for good, all
    /// of them learn it at the same moment.
    /// </summary>
    public long Since { get; private set; } = long.MinValue;

    /// <summary>The least delay; meaningless before the first.</summary>
    public long Value => Math.Min(_before, _now);

    /// <summary>Whether any was told.</summary>
    public bool IsKnown => Since != long.MinValue;

    /// <summary>A moment of <see cref="TimeProvider.GetTimestamp"/> in 1/90,000 s.</summary>
    public static long Ticks(long timestamp, TimeProvider time) => (long)((Int128)timestamp * 90_000 / time.TimestampFrequency);

    /// <summary>The moment of <see cref="TimeProvider.GetTimestamp"/> that is so many 1/90,000 s.</summary>
    public static long Timestamp(long ticks, TimeProvider time) => (long)((Int128)ticks * time.TimestampFrequency / 90_000);

    /// <summary>Begins anew.</summary>
    public void Reset() => Since = long.MinValue;

    /// <summary>Something was told.</summary>
    /// <param name="at">When, in 1/90,000 s.</param>
    /// <param name="delay">How late it was.</param>
    public void Add(long at, long delay)
    {
        var since = at / Window;
        if (since == Since)
            _now = Math.Min(_now, delay);
        else
            (_before, _now) = (since == Since + 1 ? _now : delay, delay);
        Since = since;
    }
}
