using System.IO.Pipes;
using System.Runtime.InteropServices;

namespace TrueLive.Media.Native;

/// <summary>Pipes to and from child processes.</summary>
internal static partial class Pipe
{
    // F_SETPIPE_SZ of fcntl(2), and the most that Linux allows without privileges (/proc/sys/fs/pipe-max-size).
    private const int SetSize = 1031;
    private const int Size = 1 << 20;

    /// <summary>
    /// Makes a pipe large enough for whole pictures: through the default 64 KB a picture passes in several parts, and both sides must wake
    /// each other for each of them. If the system refuses, the pipe stays as it was.
    /// </summary>
    public static void Widen(Stream end)
    {
        if (end is not PipeStream pipe)
            return;
        var (handle, added) = (pipe.SafePipeHandle, false);
        try
        {
            handle.DangerousAddRef(ref added);
            _ = Control((int)handle.DangerousGetHandle(), SetSize, Size);
        }
        finally
        {
            if (added)
                handle.DangerousRelease();
        }
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int file, int command, int argument);
}
