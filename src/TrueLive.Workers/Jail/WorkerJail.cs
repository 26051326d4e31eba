using TrueLive.Core.Processes;

namespace TrueLive.Workers.Jail;

/// <summary>
/// The room that a worker runs in: the system's programs, its interpreter, its model's folder and our Python package to read, a small
/// folder in memory to write to. No network, no other processes, no children of its own, bounded memory and an environment of ours.
/// </summary>
internal static class WorkerJail
{
    /// <summary>Where a worker finds the socket of its host.</summary>
    public const string SocketFolder = "/run/truelive";

    private const long Scratch = 256L << 20;
    private const long LargestFile = 256L << 20;
    private const int OpenFiles = 1024;
    private const string Package = "/run/truelive-worker";

    private static readonly string[] SystemFolders = ["/usr/local/bin", "/usr/bin", "/bin"];

    // Only their owner's drivers open them; where there are none, there is no GPU.
    private static readonly string[] GpuPrefixes = ["nvidia", "dri", "kfd"];

    /// <summary>The command that starts it.</summary>
    /// <param name="worker">What to start.</param>
    /// <param name="link">Folder with the socket and the filter of system calls, which is all that it shares with this process.</param>
    /// <exception cref="WorkerException">There is no such program, or no bubblewrap.</exception>
    public static IReadOnlyList<string> Around(WorkerCommand worker, string link)
    {
        if (!Bubblewrap.IsUsable)
        {
            throw new WorkerException(
                "A model with a command runs in bubblewrap only, which is not installed or which this system does not let work. Install it with: apt-get install bubblewrap");
        }
        var program = Find(worker);
        var room = Bubblewrap.Room();
        room.AddRange(["--new-session", "--proc", "/proc", "--size", $"{Scratch}", "--tmpfs", "/tmp", "--ro-bind-try", "/sys", "/sys"]);
        foreach (var device in Directory.EnumerateFileSystemEntries("/dev").Where(d => GpuPrefixes.Any(Path.GetFileName(d).StartsWith)))
            room.AddRange(["--dev-bind-try", device, device]);
        foreach (var folder in InterpreterFolders(program))
            room.AddRange(["--ro-bind", folder, folder]);
        room.AddRange(["--ro-bind", PackageFolder, Package, "--ro-bind", link, SocketFolder]);
        room.AddRange(["--ro-bind", worker.Folder, worker.Folder, "--chdir", worker.Folder]);
        string[] limits = ["prlimit", $"--data={(long)worker.MemoryMb << 20}", $"--fsize={LargestFile}", $"--nofile={OpenFiles}", "--core=0", "--"];
        // A session of its own: what a terminal sends to us is not for it, and its group can be ended as a whole.
        string[] start = ["setsid", "sh", "-c", "exec 9<\"$0\" && exec \"$@\"", Path.Combine(link, ForkFilter.FileName), .. limits];
        return [.. start, .. room, "--seccomp", "9", "--", program, .. worker.Words.Skip(1)];
    }

    /// <summary>All that it knows of its surroundings.</summary>
    public static IReadOnlyDictionary<string, string> Environment(string token) => new Dictionary<string, string>
    {
        ["PATH"] = string.Join(':', SystemFolders),
        ["LANG"] = "C.UTF-8",
        ["HOME"] = "/tmp",
        ["PYTHONPATH"] = Package,
        ["PYTHONDONTWRITEBYTECODE"] = "1",
        ["PYTHONUNBUFFERED"] = "1",
        ["HF_HUB_OFFLINE"] = "1",
        ["TRUELIVE_WORKER_SOCKET"] = SocketFolder + "/socket",
        ["TRUELIVE_WORKER_TOKEN"] = token,
    };

    private static string PackageFolder => Path.Combine(AppContext.BaseDirectory, "worker");

    private static string Find(WorkerCommand worker)
    {
        var name = worker.Words[0];
        if (name.Contains('/'))
        {
            var path = Path.Combine(worker.Folder, name);
            return File.Exists(path) ? path : throw new WorkerException($"{path} (command[0]) does not exist.");
        }
        return SystemFolders.Select(f => Path.Combine(f, name)).FirstOrDefault(File.Exists) ?? throw new WorkerException(
            $"{name} (command[0]) is in none of {string.Join(", ", SystemFolders)}. " +
            (name.StartsWith("python", StringComparison.Ordinal) ? "Install it with: apt-get install python3. " : "") +
            "A program elsewhere is named with its path, such as .venv/bin/python.");
    }

    // A virtual environment's program is a link to another, whose libraries lie beside it: each on the way is shown with its folder.
    private static HashSet<string> InterpreterFolders(string program)
    {
        var folders = new HashSet<string>(StringComparer.Ordinal);
        for (var (path, hops) = (program, 0); path is not null && hops < 16; hops++)
        {
            if (Path.GetDirectoryName(path) is { } home && !Bubblewrap.Shows(path))
                folders.Add(Path.GetFileName(home) == "bin" ? Path.GetDirectoryName(home)! : home);
            path = new FileInfo(path).LinkTarget is { } target ? Path.GetFullPath(target, Path.GetDirectoryName(path)!) : null;
        }
        return folders;
    }
}
