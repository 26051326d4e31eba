using System.IO.Pipes;
using System.Runtime.InteropServices;

namespace TrueLive.Media.Native;

/// <summary>Pipes to and from child processes.</summary>
internal static partial class Pipe
{
    // F_SETPIPE_SZ of fcntl(2), and the most that Linux allows without privileges (/proc/sys/fs/pipe-max-size).
    private const int SetSize = 1031;
    private const int Size = 1 << 20;

    // F_SETFL and O_NONBLOCK.
    private const int SetFlags = 4;
    private const int NonBlocking = 0x800;

    /// <summary>
    /// Makes a pipe large enough for whole pictures: through the default 64 KB a picture passes in several parts, and both sides must wake
    /// each other for each of them. If the system refuses, the pipe stays as it was.
    /// </summary>
    public static void Widen(Stream end)
    {
        Set(end, SetSize, Size);
    }

    /// <summary>From now on <see cref="Offer"/> waits for nobody; the stream itself cannot be written to any more.</summary>
    public static void NeverWait(Stream end) => Set(end, SetFlags, NonBlocking);

    /// <summary>
    /// Writes a message of at most 4096 bytes as a whole, or nothing: false when the pipe is full. True also when nobody reads it any more.
    /// </summary>
    public static bool Offer(Stream end, ReadOnlySpan<byte> message)
    {
        const int TryAgain = 11;
        return end is not PipeStream pipe || Write(pipe.SafePipeHandle, message, message.Length) >= 0
            || Marshal.GetLastPInvokeError() != TryAgain;
    }

    private static void Set(Stream end, int command, int argument)
    {
        if (end is not PipeStream pipe)
            return;
        var (handle, added) = (pipe.SafePipeHandle, false);
        try
        {
            handle.DangerousAddRef(ref added);
            _ = Control((int)handle.DangerousGetHandle(), command, argument);
        }
        finally
        {
            if (added)
                handle.DangerousRelease();
        }
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(SafeHandle file, ReadOnlySpan<byte> bytes, nint count);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int file, int command, int argument);
}
