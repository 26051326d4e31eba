namespace TrueLive.Core.Frames;

/// <summary>
/// Step (3) of the live path: a mailbox of one slot. A new frame replaces the waiting one, which is disposed and reported, so
/// that the reader always gets the newest picture and delay cannot build up. One writer, one reader.
/// </summary>
public sealed class LatestFrame : IDisposable
{
    // Without spinning: frames come tens of milliseconds apart, and a core that spins is one that a codec lacks.
    private readonly ManualResetEventSlim _ready = new(false, spinCount: 0);
    private VideoFrame? _slot;
    private bool _closed;
    private bool _disposed;

    /// <summary>Puts a frame in the slot and takes over the caller's hold. True when it replaced one that nobody had read.</summary>
    public bool Put(VideoFrame frame)
    {
        var loser = Interlocked.Exchange(ref _slot, frame);
        loser?.Dispose();
        if (Volatile.Read(ref _closed))
            Interlocked.Exchange(ref _slot, null)?.Dispose();
        else if (loser is null)
            Wake();
        return loser is not null;
    }

    /// <summary>Blocks until there is a frame and hands it to the caller, who disposes it. Null once closed and empty.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancel"/> fired.</exception>
    public VideoFrame? Take(CancellationToken cancel)
    {
        while (true)
        {
            if (Interlocked.Exchange(ref _slot, null) is { } frame)
                return frame;
            if (Volatile.Read(ref _closed))
                return null;
            _ready.Wait(cancel);
            _ready.Reset();
        }
    }

    /// <summary>No more frames: a waiting reader wakes with null, later frames are disposed.</summary>
    public void Close()
    {
        Volatile.Write(ref _closed, true);
        Wake();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        Interlocked.Exchange(ref _slot, null)?.Dispose();
        lock (_ready)
        {
            _disposed = true;
            _ready.Dispose();
        }
    }

    private void Wake()
    {
        lock (_ready)
        {
            if (!_disposed)
                _ready.Set();
        }
    }
}
