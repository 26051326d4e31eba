using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace TrueLive.Core.Processes;

/// <summary>Files in memory that have no name (<c>memfd_create(2)</c>), whose length is sealed.</summary>
internal static partial class AnonymousFile
{
    private const uint AllowSealing = 2;
    private const uint CloseOnExec = 1;
    private const int AddSeals = 1033;
    private const int NeitherShorterNorLongerNorOtherwise = 1 | 2 | 4;
    private const int NotWritten = 8;

    /// <summary>Makes one, filled with zeros.</summary>
    /// <param name="name">Name for those who look at open files.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="content">What it holds for good, from its beginning; nothing leaves it writable.</param>
    /// <exception cref="IOException">The system cannot provide the memory.</exception>
    public static SafeFileHandle Make(string name, long length, ReadOnlySpan<byte> content = default)
    {
        var descriptor = Create(name, AllowSealing | CloseOnExec);
        if (descriptor < 0)
            throw new IOException($"Shared memory for a child process cannot be made (error {Marshal.GetLastPInvokeError()}).");
        var file = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            RandomAccess.SetLength(file, length);
            RandomAccess.Write(file, content, 0);
            var seals = NeitherShorterNorLongerNorOtherwise | (content.IsEmpty ? 0 : NotWritten);
            return Control(descriptor, AddSeals, seals) >= 0 ? file
                : throw new IOException($"Shared memory for a child process cannot be sealed (error {Marshal.GetLastPInvokeError()}).");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>A path under which a process of the same user can open a file of ours while it is open here.</summary>
    public static string PathOf(SafeFileHandle file) => $"/proc/{Environment.ProcessId}/fd/{file.DangerousGetHandle()}";

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Create(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(int descriptor, int command, int argument);
}
