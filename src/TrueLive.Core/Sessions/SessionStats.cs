using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Sessions;

/// <summary>Why a frame that came in has no output of its own.</summary>
public enum DropReason : byte
{
    /// <summary>A newer frame came before the model was free: normal when the input is faster than the model.</summary>
    Replaced,

    /// <summary>Older than the frame-age budget when its step could begin.</summary>
    Stale,

    /// <summary>The session is paused.</summary>
    Paused,

    /// <summary>The model step failed.</summary>
    StepFailed,

    /// <summary>Made for an older epoch than the one in force when it was done.</summary>
    Flushed,

    /// <summary>Made, but the sink let it go: the link or the client cannot take more now.</summary>
    SinkFull,

    /// <summary>Made as one of a chunk, but those of newer chunks were done before its turn to leave.</summary>
    Superseded,
}

/// <summary>A session's figures at one moment; counts run since the session was made.</summary>
/// <param name="Received">Frames decoded.</param>
/// <param name="Sent">Frames made and handed to the sink.</param>
/// <param name="Replaced">See <see cref="DropReason.Replaced"/>.</param>
/// <param name="Stale">See <see cref="DropReason.Stale"/>.</param>
/// <param name="Paused">See <see cref="DropReason.Paused"/>.</param>
/// <param name="StepFailed">See <see cref="DropReason.StepFailed"/>.</param>
/// <param name="Flushed">See <see cref="DropReason.Flushed"/>.</param>
/// <param name="SinkFull">See <see cref="DropReason.SinkFull"/>.</param>
/// <param name="Superseded">See <see cref="DropReason.Superseded"/>.</param>
/// <param name="Window">
/// Frames that the percentiles below cover: at most the last 256 of this connection since the last pause or gap of the input.
/// </param>
/// <param name="GeneratedPerSecond">Generated rate over the window, without repeats; 0 with fewer than two frames or when the last one is
/// over 2 s old.</param>
/// <param name="StepP50">Median length of a model step.</param>
/// <param name="StepP95">95th percentile of the same.</param>
/// <param name="AgeP50">Median time from the arrival of the whole input frame to the hand-over of its output to the sink.</param>
/// <param name="AgeP95">95th percentile of the same.</param>
/// <param name="BesideStepP99">
/// 99th percentile of that time less the frame's own model step and its wait by design: the delay that the server adds to the model's.
/// </param>
/// <param name="OutP50">Median time from the last packet in to the last packet out; zero where the client receives no RTP.</param>
/// <param name="OutBesideStepP99">99th percentile of the same less the frame's own model step and its wait by design.</param>
/// <param name="ByDesign">Delay that the model has by design at the source's rate: the wait for the others of its chunk, its lag, and the
/// median step.</param>
/// <param name="DegradedTo">Frames per second that it makes while that is below what it promises; null while the promise is kept.</param>
public sealed record SessionStats(
    long Received, long Sent, long Replaced, long Stale, long Paused, long StepFailed, long Flushed, long SinkFull, long Superseded,
    int Window, double GeneratedPerSecond, TimeSpan StepP50, TimeSpan StepP95, TimeSpan AgeP50, TimeSpan AgeP95, TimeSpan BesideStepP99,
    TimeSpan OutP50, TimeSpan OutBesideStepP99, TimeSpan ByDesign, double? DegradedTo)
{
    /// <summary>Why frames are passed through at the moment, in words with details below them; null while the model makes them.</summary>
    public string? Away { get; init; }

    /// <summary>The mask that the last frame was made with; null for none.</summary>
    public MaskStats? Mask { get; init; }
}

/// <summary>Counts for one session and, tagged, for the process. Each counter has one writer; any thread may read.</summary>
internal sealed class SessionCounters(TimeProvider time)
{
    private const int WindowSize = 256;

    // Below this share of the promised rate the session counts as degraded.
    private const double Kept = 0.9;

    /// <summary>Time over which the rate is compared with the promise.</summary>
    public static readonly TimeSpan PromiseWindow = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Time after a connection's first frame in which nothing is promised: codecs start, code is compiled, memory is allocated.
    /// </summary>
    public static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(5);

    private static readonly KeyValuePair<string, object?>[] Reasons =
        [.. Enum.GetValues<DropReason>().Select(r => new KeyValuePair<string, object?>("reason", r.ToString().ToLowerInvariant()))];

    private readonly long[] _dropped = new long[Reasons.Length];
    private readonly (long SentAt, long Step, long Age, long Beside, bool Made)[] _window = new (long, long, long, long, bool)[WindowSize];
    private readonly MaskWindow _masks = new(time);
    private readonly (long Out, long Beside)[] _left = new (long, long)[WindowSize];
    private readonly long[] _asked = new long[WindowSize];
    private long _windowCount;
    private long _leftCount;
    private long _askedFrames;
    private long _askedSince;
    private long _connectedSince;
    private readonly DelayHistogram _delays = new();
    private (long First, long Last)? _came;
    private long _received;
    private long _sent;

    /// <summary>
    /// Counts a received frame; <paramref name="asks"/> is false while the session is paused, since no picture is due then.
    /// </summary>
    public void Received(bool asks)
    {
        Interlocked.Increment(ref _received);
        SessionMetrics.FramesReceived.Add(1);
        lock (_window)
        {
            var now = time.GetTimestamp();
            _came = (_came?.First ?? now, now);
            if (!asks || (_askedFrames > 0 && time.GetElapsedTime(_asked[_askedFrames % WindowSize], now) > PromiseWindow))
                _askedFrames = 0;
            if (!asks)
                return;
            // Frames from before a pause, a gap or another connection would make the rate look too low.
            if (_askedFrames++ == 0)
                (_askedSince, _windowCount) = (now, 0);
            if (_connectedSince == 0)
                _connectedSince = now;
            _asked[_askedFrames % WindowSize] = now;
        }
    }

    public void Dropped(DropReason reason, int frames = 1)
    {
        if (frames == 0)
            return;
        Interlocked.Add(ref _dropped[(int)reason], frames);
        SessionMetrics.FramesDropped.Add(frames, Reasons[(int)reason]);
    }

    /// <param name="frame">What was sent.</param>
    /// <param name="sentAt">When.</param>
    /// <param name="counts">Whether it counts towards the promised rate.</param>
    public void Sent(in FrameTicket frame, long sentAt, bool counts)
    {
        var from = frame.Arrived == 0 ? frame.Taken : frame.Arrived;
        var (step, age) = (frame.StepEnded - frame.StepBegan, sentAt - from);
        lock (_window)
        {
            _masks.Add(frame.Mask);
            if (counts)
                _window[_windowCount++ % WindowSize] = (sentAt, step, age, age - step - frame.Held, frame.Origin != FrameOrigin.Repeated);
            _sent++;
        }
        _delays.Add(time.GetElapsedTime(from, sentAt));
        SessionMetrics.Record(time, frame, from, sentAt);
    }

    /// <summary>A connection begins: the figures of the one before are forgotten.</summary>
    public void Connected()
    {
        lock (_window)
            (_leftCount, _askedFrames, _windowCount, _connectedSince) = (0, 0, 0, 0);
    }

    /// <summary>The last packet of a frame has left.</summary>
    /// <param name="whole">Time since the last packet of its input arrived.</param>
    /// <param name="step">How much of it was the frame's model step.</param>
    /// <param name="held">How much of it was the wait by design.</param>
    public void Left(TimeSpan whole, TimeSpan step, TimeSpan held)
    {
        lock (_window)
            _left[_leftCount++ % WindowSize] = (whole.Ticks, Math.Max(0, (whole - step - held).Ticks));
    }

    /// <param name="promised">Most frames per second that are promised; 0 while nothing is promised.</param>
    /// <param name="chunk">How the model in use takes and gives frames.</param>
    /// <param name="interval">Time between two frames of the source.</param>
    public SessionStats Snapshot(int promised, Chunk chunk, TimeSpan interval)
    {
        Span<long> steps = stackalloc long[WindowSize];
        Span<long> ages = stackalloc long[WindowSize];
        Span<long> beside = stackalloc long[WindowSize];
        Span<long> outs = stackalloc long[WindowSize];
        Span<long> outsBeside = stackalloc long[WindowSize];
        var (first, last, recent, made) = (long.MaxValue, long.MinValue, 0, 0);
        MaskStats? mask;
        long sent;
        int count, left;
        double? degraded;
        lock (_window)
        {
            sent = _sent;
            count = (int)Math.Min(_windowCount, WindowSize);
            for (var k = 0; k < count; k++)
            {
                (var at, var step, ages[k], beside[k], var isMade) = _window[k];
                recent += Recent(at) ? 1 : 0;
                if (isMade)
                    (steps[made++], first, last) = (step, Math.Min(first, at), Math.Max(last, at));
            }
            left = (int)Math.Min(_leftCount, WindowSize);
            for (var k = 0; k < left; k++)
                (outs[k], outsBeside[k]) = _left[k];
            degraded = Degraded(promised, chunk, chunk.Wait(interval), recent);
            mask = _masks.Snapshot();
        }
        outs[..left].Sort();
        outsBeside[..left].Sort();
        steps[..made].Sort();
        ages[..count].Sort();
        beside[..count].Sort();
        var rate = made < 2 || last == first || time.GetElapsedTime(last) > TimeSpan.FromSeconds(2)
            ? 0 : (made - 1) / time.GetElapsedTime(first, last).TotalSeconds;
        return new SessionStats(
            Interlocked.Read(ref _received), sent,
            Count(DropReason.Replaced), Count(DropReason.Stale), Count(DropReason.Paused), Count(DropReason.StepFailed),
            Count(DropReason.Flushed), Count(DropReason.SinkFull), Count(DropReason.Superseded), count, rate,
            At(steps[..made], 0.50), At(steps[..made], 0.95), At(ages[..count], 0.50), At(ages[..count], 0.95), At(beside[..count], 0.99),
            Ticks(outs[..left], 0.50), Ticks(outsBeside[..left], 0.99), chunk.Wait(interval) + At(steps[..made], 0.50), degraded)
        { Mask = mask };
    }

    /// <summary>All that has been counted since the session was made.</summary>
    public SessionSummary Summary()
    {
        lock (_window)
        {
            var seconds = _came is var (first, last) ? time.GetElapsedTime(first, last).TotalSeconds : 0;
            return new SessionSummary(
                Interlocked.Read(ref _received), _sent + Count(DropReason.SinkFull) + Count(DropReason.Flushed)
                    + Count(DropReason.Superseded), _sent, seconds, _delays.Quantile(0.5), _delays.Quantile(0.99),
                [.. Enum.GetValues<DropReason>().Select(r => (r, Count(r))).Where(d => d.Item2 > 0)]);
        }
    }

    // Null also right after the start, a pause or a gap of the input, when there is too little to judge by.
    private double? Degraded(int promised, Chunk chunk, TimeSpan wait, int made)
    {
        // The frames of a chunk are late by design.
        if (_askedFrames == 0 || time.GetElapsedTime(_askedSince) < PromiseWindow + 2 * wait
            || time.GetElapsedTime(_connectedSince) < WarmUp)
            return null;
        var asked = 0;
        foreach (var at in _asked)
            asked += Recent(at) ? 1 : 0;
        var wanted = Math.Min(asked, promised * PromiseWindow.TotalSeconds);
        // Frames that are still being made are not held against the session.
        return made + chunk.Gives < Kept * wanted ? made / PromiseWindow.TotalSeconds : null;
    }

    private bool Recent(long at) => at != 0 && time.GetElapsedTime(at) <= PromiseWindow;

    private long Count(DropReason reason) => Interlocked.Read(ref _dropped[(int)reason]);

    private static TimeSpan Ticks(ReadOnlySpan<long> sorted, double quantile) => sorted.IsEmpty
        ? TimeSpan.Zero : TimeSpan.FromTicks(sorted[(int)Math.Ceiling(quantile * sorted.Length) - 1]);

    private TimeSpan At(ReadOnlySpan<long> sorted, double quantile) => sorted.IsEmpty
        ? TimeSpan.Zero : time.GetElapsedTime(0, sorted[(int)Math.Ceiling(quantile * sorted.Length) - 1]);
}
