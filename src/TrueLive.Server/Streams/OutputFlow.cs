namespace TrueLive.Server.Streams;

/// <summary>The figures of one connection of an output: what was given to its child, and how far that says it is. Thread-safe.</summary>
internal sealed class OutputFlow(TimeProvider time)
{
    private const int Frame = 90_000 / 30;
    private static readonly TimeSpan RateWindow = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly long _started = time.GetTimestamp();
    private uint _last;
    private long _elapsed;
    private long _pictures;
    private long _bytes;
    private (long At, long Bytes) _window = (time.GetTimestamp(), 0);
    private TimeSpan _out;
    private long _movedAt;

    /// <summary>Whether the far side took the child in: true with the first that it tells, false when it has ended without.</summary>
    public TaskCompletionSource<bool> Opened { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Since when it passes pictures on, by <see cref="TimeProvider.GetTimestamp"/>; null before.</summary>
    public long? Since { get; private set; }

    /// <summary>Bits per second over the last two seconds or more.</summary>
    public double Rate { get; private set; }

    /// <summary>Pictures that the child had and had not handed on when it last told, by their length; null before.</summary>
    public TimeSpan? Behind { get; private set; }

    /// <summary>
    /// Place of the next picture in 1/90,000 s. Time between the first, which opens the output, and the second is none.
    /// </summary>
    public long Place(uint rtpTime)
    {
        lock (_gate)
        {
            // Stamps wrap after 13 hours.
            _elapsed += _pictures++ switch { 0 => 0, 1 => Frame, _ => (int)(rtpTime - _last) };
            _last = rtpTime;
            return _elapsed;
        }
    }

    /// <summary>So many bytes were written.</summary>
    public void Wrote(int bytes)
    {
        lock (_gate)
        {
            _bytes += bytes;
            var now = time.GetTimestamp();
            if (time.GetElapsedTime(_window.At, now) is var passed && passed < RateWindow)
                return;
            Rate = (_bytes - _window.Bytes) * 8 / passed.TotalSeconds;
            _window = (now, _bytes);
        }
    }

    /// <summary>The child says how far it is. True when this is the first that it says.</summary>
    public bool Told(TimeSpan at)
    {
        lock (_gate)
        {
            var now = time.GetTimestamp();
            var first = Since is null;
            Since ??= now;
            var behind = TimeSpan.FromTicks(_elapsed * 1000 / 9) - at;
            Behind = behind > TimeSpan.Zero ? behind : TimeSpan.Zero;
            if (first || at > _out)
                (_out, _movedAt) = (at, now);
            return first;
        }
    }

    /// <summary>Whether it has stood still for so long with something to do.</summary>
    /// <param name="limit">How long.</param>
    /// <param name="waits">It may wait for somebody to come.</param>
    public bool IsStalled(TimeSpan limit, bool waits)
    {
        lock (_gate)
        {
            if (Since is null)
                return !waits && _pictures > 0 && time.GetElapsedTime(_started) > limit;
            // A session that sends nothing leaves nothing to do.
            return TimeSpan.FromTicks(_elapsed * 1000 / 9) - _out > TimeSpan.FromSeconds(1) && time.GetElapsedTime(_movedAt) > limit;
        }
    }
}
