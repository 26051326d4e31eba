using System.Runtime.InteropServices;

namespace TrueLive.Bench;

/// <summary>Processor time of child processes that have ended, and of theirs (getrusage(2), RUSAGE_CHILDREN).</summary>
internal static partial class ChildTime
{
    private const int Children = -1;

    /// <summary>User and system time of all of them so far.</summary>
    public static TimeSpan Spent
    {
        get
        {
            // Two pairs of seconds and microseconds, and fourteen counters that are not used.
            Span<long> usage = stackalloc long[18];
            return GetUsage(Children, ref usage[0]) == 0
                ? TimeSpan.FromSeconds(usage[0] + usage[2]) + TimeSpan.FromMicroseconds(usage[1] + usage[3])
                : throw new InvalidOperationException("The processor time of child processes cannot be read.");
        }
    }

    [LibraryImport("libc", EntryPoint = "getrusage")]
    private static partial int GetUsage(int who, ref long usage);
}
