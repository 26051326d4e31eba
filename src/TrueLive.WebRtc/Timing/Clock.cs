namespace TrueLive.WebRtc.Timing;

/// <summary>
/// The clock of an endpoint and its connections: turns timestamps of a <see cref="TimeProvider"/>, which frames carry, into moments and
/// back.
/// </summary>
internal sealed class Clock(TimeProvider time)
{
    // Moments begin at a second: 0 is "not yet".
    private readonly long _zero = time.GetTimestamp() - time.TimestampFrequency;

    /// <summary>Now.</summary>
    public Instant Now => At(time.GetTimestamp());

    /// <summary>The date and time of day.</summary>
    public DateTimeOffset UtcNow => time.GetUtcNow();

    /// <summary>The moment of a timestamp.</summary>
    public Instant At(long timestamp) => new((long)((Int128)(timestamp - _zero) * 1_000_000 / time.TimestampFrequency));

    /// <summary>The timestamp of a moment.</summary>
    public long TimestampOf(Instant moment) => _zero + (long)((Int128)moment.Microseconds * time.TimestampFrequency / 1_000_000);
}
