using System.Globalization;
using System.Runtime.InteropServices;

namespace TrueLive.Core.Processes;

/// <summary>A child process that leads a process group of its own, and all that it started.</summary>
public static partial class ProcessGroup
{
    private const int Kill9 = 9;

    // USER_HZ; 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>
    /// Kills every process of the group that this process leads (SIGKILL). Returns 0, or -1 when there is no such group yet.
    /// </summary>
    public static int Kill(int leader) => Send(-leader, Kill9);

    /// <summary>The processes of the group that this process leads, as far as they can be seen.</summary>
    public static IReadOnlyList<int> Members(int leader) =>
    [
        .. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
            .Select(name => int.TryParse(name, CultureInfo.InvariantCulture, out var id) ? id : 0)
            .Where(id => id > 0 && Fields(id) is [_, _, var group, ..] && group == leader.ToString(CultureInfo.InvariantCulture)),
    ];

    /// <summary>
    /// What processes use together: threads, memory that they share with others or could, and the processor time that they have taken.
    /// </summary>
    public static (int Threads, long SharedBytes, TimeSpan ProcessorTime) Usage(IReadOnlyList<int> members)
    {
        var (threads, shared, ticks) = (0, 0L, 0L);
        foreach (var id in members)
        {
            if (Fields(id) is not { Length: > 17 } fields)
                continue;
            ticks += long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
            threads += int.Parse(fields[17], CultureInfo.InvariantCulture);
            var line = Read(id, "status").Split('\n').FirstOrDefault(l => l.StartsWith("RssShmem:", StringComparison.Ordinal));
            shared += line is null ? 0 : 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
                CultureInfo.InvariantCulture);
        }
        return (threads, shared, TimeSpan.FromSeconds(ticks / TicksPerSecond));
    }

    // From the state on: the name before it may hold spaces and brackets.
    private static string[]? Fields(int id) =>
        Read(id, "stat") is { Length: > 0 } stat ? stat[(stat.LastIndexOf(')') + 2)..].Split(' ') : null;

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

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Send(int process, int signal);
}
