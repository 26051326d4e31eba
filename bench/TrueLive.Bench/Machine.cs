using System.Globalization;

namespace TrueLive.Bench;

/// <summary>What Linux reports about the machine and its processes.</summary>
internal static class Machine
{
    // USER_HZ; 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>Load average of the last minute, five and fifteen minutes, as the system writes it.</summary>
    public static string Load => string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ')[..3]);

    /// <summary>Processor, cores, memory, system.</summary>
    public static string Description
    {
        get
        {
            var cpu = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l =>
                l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown processor";
            var memory = long.Parse(File.ReadLines("/proc/meminfo").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
                CultureInfo.InvariantCulture) / 1048576.0;
            var system = File.ReadLines("/etc/os-release")
                .FirstOrDefault(l => l.StartsWith("PRETTY_NAME=", StringComparison.Ordinal))?.Split('"')[1] ?? "Linux";
            return $"{cpu}, {Environment.ProcessorCount} cores, {memory:0} GiB, {system}, .NET {Environment.Version}";
        }
    }

    /// <summary>Processor seconds that a process has used, all threads.</summary>
    public static double CpuSeconds(int process)
    {
        // The name in field 2 may contain spaces; fields after its closing bracket do not.
        var fields = File.ReadAllText($"/proc/{process}/stat").Split(") ")[1].Split(' ');
        return (double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture))
            / TicksPerSecond;
    }

    /// <summary>The same by thread name; threads that have ended are not counted.</summary>
    public static Dictionary<string, double> CpuSecondsByThread(int process)
    {
        var seconds = new Dictionary<string, double>();
        foreach (var thread in Directory.EnumerateDirectories($"/proc/{process}/task"))
        {
            try
            {
                var stat = File.ReadAllText(Path.Combine(thread, "stat"));
                var (open, close) = (stat.IndexOf('('), stat.LastIndexOf(')'));
                var fields = stat[(close + 2)..].Split(' ');
                var used = (double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture))
                    / TicksPerSecond;
                seconds[stat[(open + 1)..close]] = seconds.GetValueOrDefault(stat[(open + 1)..close]) + used;
            }
            catch (IOException)
            {
                // It ended between being listed and being read.
            }
        }
        return seconds;
    }

    /// <summary>Resident memory of a process in MB (10^6 bytes).</summary>
    public static double ResidentMegabytes(int process) => double.Parse(
        File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture) * 1024 / 1e6;

    /// <summary>Mean number of busy cores of the whole machine over a time.</summary>
    public static async Task<double> BusyCoresAsync(TimeSpan span)
    {
        var before = Busy();
        await Task.Delay(span, TimeProvider.System);
        return (Busy() - before) / TicksPerSecond / span.TotalSeconds;

        static double Busy()
        {
            var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
            // user, nice, system, irq, softirq of proc(5).
            return fields[1..4].Concat(fields[6..8]).Sum(f => double.Parse(f, CultureInfo.InvariantCulture));
        }
    }

    /// <summary>The folder of the repository that holds this program.</summary>
    public static string Repository
    {
        get
        {
            var folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "TrueLive.slnx")))
                folder = Path.GetDirectoryName(folder) ?? throw new ArgumentException("The benchmarks run inside the repository.");
            return folder;
        }
    }
}
