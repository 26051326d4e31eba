using System.Runtime.InteropServices;

namespace TrueLive.Core.Processes;

/// <summary>A child process that leads a process group of its own, and all that it started.</summary>
public static partial class ProcessGroup
{
    private const int Kill9 = 9;

    /// <summary>
    /// Kills every process of the group that this process leads (SIGKILL). Returns 0, or -1 when there is no such group yet.
    /// </summary>
    public static int Kill(int leader) => Send(-leader, Kill9);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Send(int process, int signal);
}
