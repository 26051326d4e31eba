using System.Runtime.ExceptionServices;

namespace TrueLive.Models.Threads;

/// <summary>
/// Work on the bands of a picture, shared with threads of the pool: each free thread takes the next band, so that a busy pool only means
/// less help. Bands are taken in order. Allocates nothing when it runs; used by one caller at a time.
/// </summary>
/// <param name="count">Number of bands.</param>
/// <param name="work">Works on one band; called by several threads at once.</param>
/// <param name="helpers">Most threads in addition to the caller's.</param>
internal sealed class SharedRows(int count, Action<int> work, int helpers = 1) : IThreadPoolWorkItem
{
    private readonly int _count = count;
    private int _next = int.MaxValue / 2;
    private int _done;
    private int _queued;
    private Exception? _error;

    /// <summary>Works on all bands and returns when all are done.</summary>
    /// <param name="helped">Whether other threads may take bands.</param>
    public void Run(bool helped)
    {
        // Set before the next band is reset to 0: until then a late helper finds no band to work on.
        _done = 0;
        Volatile.Write(ref _next, 0);
        for (var i = Math.Min(helpers, _count - 1); helped && i > 0 && Volatile.Read(ref _queued) < helpers; i--)
        {
            Interlocked.Increment(ref _queued);
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
        Take();
        var wait = new SpinWait();
        while (Volatile.Read(ref _done) < _count)
            wait.SpinOnce(sleep1Threshold: -1);
        if (Interlocked.Exchange(ref _error, null) is { } error)
            ExceptionDispatchInfo.Throw(error);
    }

    void IThreadPoolWorkItem.Execute()
    {
        Interlocked.Decrement(ref _queued);
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
                // Rethrown to the caller: nothing on this thread could handle it.
                _error = e;
            }
            finally
            {
                Interlocked.Increment(ref _done);
            }
        }
    }
}
