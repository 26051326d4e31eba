using System.Runtime.ExceptionServices;

namespace TrueLive.Models;

/// <summary>
/// Work on bands of a picture that a thread of the pool may help with: whoever is free takes the next band, so that a pool with no
/// thread to spare costs nothing but its help. Allocates nothing when it runs; used by one caller at a time.
/// </summary>
/// <param name="count">Bands.</param>
/// <param name="work">Works on one band; two bands may be worked on at once, in any order.</param>
internal sealed class SharedRows(int count, Action<int> work) : IThreadPoolWorkItem
{
    private readonly int _count = count;
    private int _next = int.MaxValue / 2;
    private int _done;
    private int _queued;
    private Exception? _error;

    /// <summary>Works on all bands and returns when all are done.</summary>
    /// <param name="helped">Whether another thread may take bands.</param>
    public void Run(bool helped)
    {
        // A helper that comes late finds no band until the next is 0: what it works on is set before.
        _done = 0;
        Volatile.Write(ref _next, 0);
        if (helped && _count > 1 && Interlocked.Exchange(ref _queued, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        Take();
        var wait = new SpinWait();
        while (Volatile.Read(ref _done) < _count)
            wait.SpinOnce(sleep1Threshold: -1);
        if (Interlocked.Exchange(ref _error, null) is { } error)
            ExceptionDispatchInfo.Throw(error);
    }

    void IThreadPoolWorkItem.Execute()
    {
        Volatile.Write(ref _queued, 0);
        Take();
    }

    private void Take()
    {
        for (int band; (band = Interlocked.Increment(ref _next) - 1) < _count;)
        {
            try
            {
                work(band);
            }
            catch (Exception e)
            {
                // Kept for the caller: nobody else on this thread could do anything with it.
                _error = e;
            }
            finally
            {
                Interlocked.Increment(ref _done);
            }
        }
    }
}
