namespace TrueLive.Core.Frames;

/// <summary>
/// Step (3) of the live path: a mailbox for as many frames as the model takes at a time, nearly always one. When it is full, a new frame
/// replaces the oldest, which is disposed and counted, so that the reader always gets the newest pictures and delay cannot build up. One
/// writer, one reader.
/// </summary>
internal sealed class LatestFrames : IDisposable
{
    private readonly Lock _gate = new();

    // Without spinning: frames come tens of milliseconds apart, and spinning would take a core from the codecs.
    private readonly ManualResetEventSlim _ready = new(false, spinCount: 0);
    private readonly Queue<VideoFrame> _waiting = new();
    private int _capacity = 1;
    private bool _closed;
    private bool _disposed;

    /// <summary>Puts a frame in and takes over the caller's hold. Returns true when an unread frame was dropped for it.</summary>
    public bool Put(VideoFrame frame)
    {
        bool loser;
        lock (_gate)
        {
            if (_closed)
            {
                frame.Dispose();
                return false;
            }
            loser = _waiting.Count >= _capacity;
            if (loser)
                _waiting.Dequeue().Dispose();
            _waiting.Enqueue(frame);
        }
        Wake();
        return loser;
    }

    /// <summary>Blocks until there is a frame and hands the oldest to the caller, who disposes it. Null once closed and empty.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancel"/> fired.</exception>
    public VideoFrame? Take(CancellationToken cancel)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_waiting.TryDequeue(out var frame))
                    return frame;
                if (_closed)
                    return null;
                _ready.Reset();
            }
            _ready.Wait(cancel);
        }
    }

    /// <summary>Sets how many frames may wait; returns how many waiting frames were dropped. Only the reader may call this.</summary>
    public int Hold(int frames)
    {
        var gone = 0;
        lock (_gate)
        {
            for (_capacity = frames; _waiting.Count > frames; gone++)
                _waiting.Dequeue().Dispose();
        }
        return gone;
    }

    /// <summary>No more frames: a waiting reader wakes with null, later frames are disposed.</summary>
    public void Close()
    {
        lock (_gate)
            _closed = true;
        Wake();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        lock (_gate)
        {
            while (_waiting.TryDequeue(out var frame))
                frame.Dispose();
        }
        lock (_ready)
        {
            _disposed = true;
            _ready.Dispose();
        }
    }

    // Called outside _gate, which the reader takes as soon as it wakes.
    private void Wake()
    {
        lock (_ready)
        {
            if (!_disposed)
                _ready.Set();
        }
    }
}
