namespace TrueLive.Core.Frames;

/// <summary>
/// Step (3) of the live path: a mailbox of one slot. A new frame replaces the waiting one, which is disposed and counted, so
/// that the reader always gets the newest picture and delay cannot build up. One writer, one reader.
/// </summary>
public sealed class LatestFrame : IDisposable
{
    private readonly SemaphoreSlim _ready = new(0, 1);
    private VideoFrame? _slot;
    private bool _closed;
    private long _replaced;

    /// <summary>Frames that were replaced before anyone read them.</summary>
    public long Replaced => Interlocked.Read(ref _replaced);

    /// <summary>Puts a frame in the slot and takes over the caller's hold.</summary>
    public void Put(VideoFrame frame)
    {
        var loser = Interlocked.Exchange(ref _slot, frame);
        if (Volatile.Read(ref _closed))
        {
            Interlocked.Exchange(ref _slot, null)?.Dispose();
            loser?.Dispose();
        }
        else if (loser is not null)
        {
            loser.Dispose();
            Interlocked.Increment(ref _replaced);
        }
        else
        {
            Wake();
        }
    }

    /// <summary>Waits for a frame and hands it to the caller, who disposes it. Null once closed and empty.</summary>
    public async ValueTask<VideoFrame?> TakeAsync(CancellationToken cancel)
    {
        while (true)
        {
            if (Interlocked.Exchange(ref _slot, null) is { } frame)
                return frame;
            if (Volatile.Read(ref _closed))
                return null;
            await _ready.WaitAsync(cancel).ConfigureAwait(false);
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
        _ready.Dispose();
    }

    private void Wake()
    {
        // A count of one is enough: the reader looks into the slot before it waits again.
        try
        {
            _ready.Release();
        }
        catch (SemaphoreFullException)
        {
        }
        catch (ObjectDisposedException)
        {
        }
    }
}
