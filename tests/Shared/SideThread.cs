namespace TrueLive.Tests.Shared;

/// <summary>Work that meets a test at a certain moment.</summary>
internal static class SideThread
{
    /// <summary>Starts work on a thread of its own, and returns when the work is done or waits for another thread.</summary>
    public static Task Start(Action work)
    {
        var done = new Task(work);
        var thread = new Thread(() => done.RunSynchronously(TaskScheduler.Default)) { IsBackground = true };
        thread.Start();
        SpinWait.SpinUntil(() => Waits(thread), TimeSpan.FromMinutes(5));
        return done;
    }

    /// <summary>Whether a thread has ended, or waits for another.</summary>
    public static bool Waits(Thread thread) => !thread.IsAlive || thread.ThreadState.HasFlag(ThreadState.WaitSleepJoin);
}
