using System.Globalization;

namespace TrueLive.Probe.Targets;

/// <summary>The memory of a process and all below it, as the kernel counts it.</summary>
internal static class ProcessMemory
{
    private static readonly string[] Counted = ["RssAnon:", "RssShmem:", "VmSwap:"];

    /// <summary>
    /// Bytes that are theirs alone or shared in memory, and what of it was swapped out; files that they map do not count. Nothing where
    /// there is no /proc.
    /// </summary>
    public static long OfTree(int root)
    {
        if (!Directory.Exists("/proc/self"))
            return 0;
        var all = new List<(int Id, int Parent, long Bytes)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id) && Read(folder) is var (parent, bytes))
                all.Add((id, parent, bytes));
        }
        var children = all.ToLookup(p => p.Parent);
        var total = all.FirstOrDefault(p => p.Id == root).Bytes;
        var open = new Stack<int>([root]);
        while (open.TryPop(out var id))
        {
            foreach (var child in children[id])
            {
                total += child.Bytes;
                open.Push(child.Id);
            }
        }
        return total;
    }

    // A process may end while it is read.
    private static (int Parent, long Bytes)? Read(string folder)
    {
        try
        {
            var (parent, kilobytes) = (0, 0L);
            foreach (var line in File.ReadLines(Path.Combine(folder, "status")))
            {
                if (line.StartsWith("PPid:", StringComparison.Ordinal))
                    parent = (int)Number(line);
                else if (Counted.Any(name => line.StartsWith(name, StringComparison.Ordinal)))
                    kilobytes += Number(line);
            }
            return (parent, kilobytes << 10);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static long Number(string line) =>
        long.TryParse(line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Replace("kB", "", StringComparison.Ordinal).Trim(),
            CultureInfo.InvariantCulture, out var number) ? number : 0;
}
