using System.IO.Pipes;
using System.Runtime.InteropServices;

namespace TrueLive.Media.Native;

/// <summary>Pipes to and from child processes.</summary>
internal static partial class Pipe
{
    // F_SETPIPE_SZ of fcntl(2), and the most that Linux gives without privileges (/proc/sys/fs/pipe-max-size).
    private const int SetSize = 1031;
    private const int Size = 1 << 20;

    /// <summary>
    /// Lets whole pictures wait in a pipe: in the 64 KB that it has by itself a picture is handed over in several parts, with both sides
    /// waking each other for each. A system that refuses leaves the pipe as it was.
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
