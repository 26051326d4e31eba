using System.Globalization;
using System.Runtime.InteropServices;

namespace TrueLive.Tests.Shared;

/// <summary>Finds the decode processes that this process has started, as an operator would with ps.</summary>
internal static partial class DecodeProcesses
{
    private const int SignalKill = 9;
    private const int SignalStop = 19;

    /// <summary>Their ids: of the decoders themselves, not of the sandboxes around them.</summary>
    public static HashSet<int> Running()
    {
        var parents = new Dictionary<int, int>();
        var decoders = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id)
                || Read(id, "stat") is not { Length: > 0 } stat)
                continue;
            parents[id] = int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
            if (Read(id, "cmdline").Split('\0') is [var program, var dll, ..] && Path.GetFileName(program) == "dotnet"
                && Path.GetFileName(dll) == "TrueLive.Decoder.dll")
                decoders.Add(id);
        }
        return [.. decoders.Where(id => Above(id).Contains(Environment.ProcessId))];

        IEnumerable<int> Above(int id)
        {
            while (parents.TryGetValue(id, out id))
                yield return id;
        }
    }

    /// <summary>The process that leads its group.</summary>
    public static int GroupOf(int id) => Group(id);

    /// <summary>Ends one as the kernel does that is short of memory.</summary>
    public static void Kill(int id) => Assert.Equal(0, Signal(id, SignalKill));

    /// <summary>Stops one where it is.</summary>
    public static void Stop(int id) => Assert.Equal(0, Signal(id, SignalStop));

    private static string Read(int id, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/{file}");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    [LibraryImport("libc", EntryPoint = "getpgid")]
    private static partial int Group(int id);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int id, int signal);
}
