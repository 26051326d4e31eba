using TrueLive.Core.Frames;

namespace TrueLive.Core.Sessions;

/// <summary>
/// Releases the frames of a chunk at the intervals of their source frames, not in a burst. Bound: twice what a step hands out; beyond it
/// the oldest are dropped and counted. Frames of an older epoch are dropped when newer ones come. One writer, one reader.
/// </summary>
internal sealed class FramePacer : IDisposable
{
    // A pause of the input within a chunk must not become a pause of the output.
    private static readonly TimeSpan MaxGap = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Queue<(MadeFrame Made, long Due)> _waiting = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly ITimer _due;
    private long _lastDue;
    private TimeSpan _lastCaptured;
    private bool _disposed;

    public FramePacer(TimeProvider time)
    {
        _time = time;
        _due = time.CreateTimer(_ => Wake(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>
    /// Takes over the frames of one step. Returns how many of an older epoch, and how many beyond the bound, were dropped.
    /// </summary>
    public (int Flushed, int Superseded) Put(ReadOnlySpan<MadeFrame> made, int gives)
    {
        var (flushed, superseded) = (0, 0);
        lock (_gate)
        {
            while (made.Length > 0 && _waiting.TryPeek(out var old) && old.Made.Ticket.Epoch != made[0].Ticket.Epoch)
            {
                _waiting.Dequeue().Made.Frame.Dispose();
                flushed++;
            }
            var due = _time.GetTimestamp();
            for (var i = 0; i < made.Length; i++)
            {
                var gap = Ticks(made[i].Ticket.Captured - _lastCaptured);
                // A chunk that comes before the previous one has left follows at half an interval, so that one late chunk does not delay
                // all later ones.
                due = i > 0 ? due + gap : _waiting.Count > 0 ? Math.Max(due, _lastDue + gap / 2) : due;
                _waiting.Enqueue((made[i], due));
                (_lastDue, _lastCaptured) = (due, made[i].Ticket.Captured);
            }
            for (; _waiting.Count > 2 * gives; superseded++)
                _waiting.Dequeue().Made.Frame.Dispose();
        }
        Wake();
        return (flushed, superseded);
    }

    /// <summary>Waits for the next frame's turn and hands it to the caller, who disposes it.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancel"/> fired.</exception>
    public async ValueTask<MadeFrame> TakeAsync(CancellationToken cancel)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_waiting.TryPeek(out var next))
                {
                    var now = _time.GetTimestamp();
                    if (next.Due <= now)
                    {
                        _waiting.Dequeue();
                        return next.Made with { Ticket = next.Made.Ticket with { Released = now } };
                    }
                    _due.Change(TimeSpan.FromMilliseconds(Math.Ceiling(_time.GetElapsedTime(now, next.Due).TotalMilliseconds)),
                        Timeout.InfiniteTimeSpan);
                }
            }
            await _wake.WaitAsync(cancel).ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        _due.Dispose();
        lock (_gate)
        {
            _disposed = true;
            while (_waiting.TryDequeue(out var left))
                left.Made.Frame.Dispose();
            _wake.Dispose();
        }
    }

    private void Wake()
    {
        lock (_gate)
        {
            if (!_disposed && _wake.CurrentCount == 0)
                _wake.Release();
        }
    }

    private long Ticks(TimeSpan gap) =>
        (long)(Math.Clamp(gap.TotalSeconds, 0, MaxGap.TotalSeconds) * _time.TimestampFrequency);
}
