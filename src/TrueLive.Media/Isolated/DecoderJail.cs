using System.Diagnostics;
using System.Runtime.InteropServices;
using TrueLive.Core.Processes;

namespace TrueLive.Media.Isolated;

/// <summary>
/// The sandbox of a decode process: the system's libraries, the .NET runtime and the decoder's own files, all of them read-only; no
/// network, no sockets, no other processes and none of its own, bounded memory, nothing of our environment. Without bubblewrap it confines
/// itself by Landlock before it becomes a decoder; where that is missing too, only the limits and the empty environment remain.
/// </summary>
internal static class DecoderJail
{
    private const long Memory = 1L << 30;
    private const int OpenFiles = 256;

    // Of a program in the server's folder it sees its own files only.
    private static readonly string[] Files =
        ["TrueLive.Decoder.dll", "TrueLive.Decoder.deps.json", "TrueLive.Decoder.runtimeconfig.json", "TrueLive.Media.dll",
            "TrueLive.Core.dll", "Microsoft.Extensions.Logging.Abstractions.dll",
            "Microsoft.Extensions.DependencyInjection.Abstractions.dll"];

    private static readonly Dictionary<string, string> Environment = new()
    {
        ["PATH"] = "/usr/local/bin:/usr/bin:/bin",
        ["LANG"] = "C.UTF-8",
        // Without diagnostics there is no socket for them; the heap is small, and reserves no more than it may take.
        ["DOTNET_EnableDiagnostics"] = "0",
        ["DOTNET_GCHeapHardLimit"] = "0x10000000",
        ["DOTNET_TieredPGO"] = "0",
        // Maps compiled code twice by a file in memory, which it may not make.
        ["DOTNET_EnableWriteXorExecute"] = "0",
        ["MALLOC_ARENA_MAX"] = "2",
    };

    // dotnet of the runtime that runs us: ROOT/shared/Microsoft.NETCore.App/VERSION/ is where its libraries are.
    private static string Root => Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));

    private static string Program => Path.Combine(AppContext.BaseDirectory, Files[0]);

    /// <summary>Why no decode process can be started on this machine, with what to do about it; null when it can.</summary>
    public static string? WhyNot() => !File.Exists(Path.Combine(Root, "dotnet"))
        ? $"{Root} has no 'dotnet', by which decode processes are started. Install .NET 10: https://dotnet.microsoft.com/download"
        : !File.Exists(Program) ? $"{Program} is missing, which decode processes run. Install TrueLive as a whole." : null;

    /// <summary>How a decode process is started; its input and outputs are redirected.</summary>
    /// <param name="memory">Path of the memory that it shares.</param>
    public static ProcessStartInfo Around(string memory) => Around(memory, [Path.Combine(Root, "dotnet"), Program], Bubblewrap.HasProc);

    /// <summary>The same for another program.</summary>
    /// <param name="memory">Path of the memory that it shares.</param>
    /// <param name="program">Path of the program, and its arguments.</param>
    /// <param name="bubblewrap">Whether bubblewrap is used.</param>
    internal static ProcessStartInfo Around(string memory, IReadOnlyList<string> program, bool bubblewrap)
    {
        var command = Command(memory, program, bubblewrap);
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Clear();
        foreach (var (name, value) in Environment)
            start.Environment[name] = value;
        return start;
    }

    private static List<string> Command(string memory, IReadOnlyList<string> program, bool bubblewrap)
    {
        // It ends with the thread that starts it. timeout(1) without a time only makes a process group, to be killed as a whole; a session
        // would have a share of the processor of its own, in which the low priority of large pictures counts for nothing.
        string[] dies = ["setpriv", "--pdeathsig", "KILL"];
        string[] start = [.. dies, "timeout", "0", .. dies];
        string[] limits = ["prlimit", $"--data={Memory}", $"--nofile={OpenFiles}", "--core=0", "--"];
        var own = Files.Select(f => Path.Combine(AppContext.BaseDirectory, f)).Where(File.Exists);
        if (!bubblewrap)
        {
            string[] confine = Landlock.Version > 0
                ? [Path.Combine(Root, "dotnet"), Program, "confine", .. Bubblewrap.Shown, Root, .. own, "/proc/self", "--"] : [];
            return [.. start, "sh", "-c", "exec 8<>\"$0\" && exec \"$@\"", memory, .. limits, .. confine, .. program];
        }
        var room = Bubblewrap.Room();
        // The .NET runtime reads where its own stack lies.
        room.AddRange(["--proc", "/proc"]);
        if (!Bubblewrap.Shows(Root))
            room.AddRange(["--ro-bind", Root, Root]);
        foreach (var file in own)
            room.AddRange(["--ro-bind", file, file]);
        room.AddRange(["--remount-ro", "/"]);
        return [.. start, "sh", "-c", "exec 8<>\"$0\" 9<\"$1\" && shift && exec \"$@\"", memory, CallFilter.PathOf(sockets: false),
            .. limits, .. room, "--seccomp", "9", "--", .. program];
    }
}
