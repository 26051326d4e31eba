namespace TrueLive.Core.Sessions;

/// <summary>A summary of a whole session, for one log line at its end.</summary>
/// <param name="Received">Frames decoded.</param>
/// <param name="Made">Frames that the model made, whether or not they could be sent.</param>
/// <param name="Sent">Frames handed to the sink.</param>
/// <param name="Seconds">From the first frame that came in to the last.</param>
/// <param name="DelayP50">
/// Median over all frames sent, from the arrival of the whole input frame to the hand-over of its output to the sink, within 5 %.
/// </param>
/// <param name="DelayP99">99th percentile of the same.</param>
/// <param name="Drops">Frames without an output of their own, by reason; only reasons that occurred.</param>
public sealed record SessionSummary(
    long Received, long Made, long Sent, double Seconds, TimeSpan DelayP50, TimeSpan DelayP99,
    IReadOnlyList<(DropReason Reason, long Frames)> Drops);

/// <summary>
/// A histogram of delays from 1 ms to a minute in fixed memory, with a resolution of 5 %. One writer; any thread may read quantiles.
/// </summary>
internal sealed class DelayHistogram
{
    private const double Step = 1.05;

    // 1.05 to the power of 230 is 75,000: a minute in milliseconds and some more.
    private readonly long[] _counts = new long[231];

    public void Add(TimeSpan delay) =>
        Interlocked.Increment(ref _counts[Math.Clamp((int)Math.Ceiling(Math.Log(Math.Max(1, delay.TotalMilliseconds), Step)), 0,
            _counts.Length - 1)]);

    /// <summary>Upper end of the bucket that holds the quantile; zero without any delay.</summary>
    public TimeSpan Quantile(double quantile)
    {
        var total = _counts.Sum();
        var rank = (long)Math.Ceiling(quantile * total);
        for (var (bucket, seen) = (0, 0L); total > 0 && bucket < _counts.Length; bucket++)
        {
            if ((seen += _counts[bucket]) >= rank)
                return TimeSpan.FromMilliseconds(Math.Pow(Step, bucket));
        }
        return TimeSpan.Zero;
    }
}
