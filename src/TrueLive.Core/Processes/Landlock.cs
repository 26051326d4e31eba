using System.ComponentModel;
using System.Runtime.InteropServices;

namespace TrueLive.Core.Processes;

/// <summary>
/// Landlock (<c>landlock(7)</c>): takes from the calling thread, for good, all files but some that it may read, the making of TCP
/// connections, and signals to processes outside. It holds for what the thread becomes, and not for other threads.
/// </summary>
public static unsafe partial class Landlock
{
    private const int CreateRuleset = 444;
    private const int AddRule = 445;
    private const int RestrictSelf = 446;
    private const int JustVersion = 1;
    private const int PathBeneath = 1;
    private const int NoNewPrivileges = 38;
    private const int PathOnly = 0x200000 | 0x80000;
    private const int BrokenPipe = 13;

    // LANDLOCK_ACCESS_FS_*, _NET_* and LANDLOCK_SCOPE_*; a digit is the version of the interface that brought it.
    private const ulong Execute = 1, ReadFile = 4, ReadFolder = 8;
    private const ulong First = (1 << 13) - 1, Refer2 = 1 << 13, Truncate3 = 1 << 14, DeviceControl5 = 1 << 15;
    private const ulong Bind4 = 1, Connect4 = 2, AbstractSockets6 = 1, Signals6 = 2;

    /// <summary>Version of the kernel's interface; 0 where Landlock is missing or turned off.</summary>
    public static int Version { get; } = (int)Math.Max(0, Call(CreateRuleset, 0, 0, JustVersion, 0));

    /// <summary>
    /// Confines the calling thread by Landlock and by <see cref="CallFilter"/> without sockets, and makes of this process another program.
    /// Returns only by exception.
    /// </summary>
    /// <param name="readable">
    /// Files, and folders with all that they hold, that it may read and run. Those that do not exist are skipped.
    /// </param>
    /// <param name="program">Path of the program, and its arguments.</param>
    /// <exception cref="Win32Exception">The kernel refuses, or the program cannot be run.</exception>
    public static void Become(IEnumerable<string> readable, IReadOnlyList<string> program)
    {
        Enter(readable);
        CallFilter.Enter(sockets: false);
        // The runtime ignores this signal, and what is ignored stays so in the next program.
        _ = Signal(BrokenPipe, 0);
        var words = stackalloc nint[program.Count + 1];
        for (var i = 0; i < program.Count; i++)
            words[i] = Marshal.StringToCoTaskMemUTF8(program[i]);
        words[program.Count] = 0;
        Must(Run(words[0], words), program[0]);
    }

    private static void Enter(IEnumerable<string> readable)
    {
        var version = Version;
        var rules = stackalloc ulong[]
        {
            First | (version >= 2 ? Refer2 : 0) | (version >= 3 ? Truncate3 : 0) | (version >= 5 ? DeviceControl5 : 0), Bind4 | Connect4,
            AbstractSockets6 | Signals6,
        };
        var ruleset = Must(Call(CreateRuleset, (nint)rules, version >= 6 ? 24 : version >= 4 ? 16 : 8, 0, 0), "Landlock");
        var rule = stackalloc byte[12];
        foreach (var path in readable)
        {
            var place = Open(path, PathOnly);
            if (place < 0)
                continue;
            *(ulong*)rule = Execute | ReadFile | (Directory.Exists(path) ? ReadFolder : 0);
            *(int*)(rule + 8) = place;
            Must(Call(AddRule, ruleset, PathBeneath, (nint)rule, 0), path);
            _ = Close(place);
        }
        Must(Control(NoNewPrivileges, 1, 0, 0, 0), "Landlock");
        Must(Call(RestrictSelf, ruleset, 0, 0, 0), "Landlock");
        _ = Close((int)ruleset);
    }

    private static nint Must(nint result, string what) => result >= 0 ? result
        : throw new Win32Exception(Marshal.GetLastPInvokeError(), $"{what}: {Marshal.GetLastPInvokeErrorMessage()}");

    // Variadic in C; with integer arguments the call is the same on linux-x64 and linux-arm64.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, nint first, nint second, nint third, nint fourth);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Control(int option, nint first, nint second, nint third, nint fourth);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int signal, nint handler);

    [LibraryImport("libc", EntryPoint = "execv", SetLastError = true)]
    private static partial int Run(nint path, nint* words);
}
