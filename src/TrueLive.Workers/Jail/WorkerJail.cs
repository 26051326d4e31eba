using TrueLive.Core.Processes;

namespace TrueLive.Workers.Jail;

/// <summary>
/// The sandbox that a worker runs in. It can read the system's programs, its interpreter, its model's folder and our Python package, and
/// write to a small folder in memory. No network, no other processes, no child processes, bounded memory and a fixed environment.
/// </summary>
internal static class WorkerJail
{
    /// <summary>Folder in the sandbox where a worker finds the socket of its host.</summary>
    public const string SocketFolder = "/run/truelive";

    private const long Scratch = 256L << 20;
    private const long LargestFile = 256L << 20;
    private const int OpenFiles = 1024;
    private const string Package = "/run/truelive-worker";

    private static readonly string[] SystemFolders = ["/usr/local/bin", "/usr/bin", "/bin"];

    // Device files of GPU drivers; without any, the worker has no GPU.
    private static readonly string[] GpuPrefixes = ["nvidia", "dri", "kfd"];

    /// <summary>The command line that starts a worker in the sandbox.</summary>
    /// <param name="worker">What to start.</param>
    /// <param name="link">Folder with the socket; the worker can only read it.</param>
    /// <exception cref="WorkerException">The program or bubblewrap does not exist.</exception>
    public static IReadOnlyList<string> Around(WorkerCommand worker, string link)
    {
        if (!Bubblewrap.IsUsable)
        {
            throw new WorkerException(
                "A model with a command runs in bubblewrap only, which is not installed or which this system does not let work. Install " +
                    "it with: apt-get install bubblewrap");
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
        string[] limits = ["prlimit", $"--data={(long)worker.MemoryMb << 20}", $"--fsize={LargestFile}", $"--nofile={OpenFiles}",
            "--core=0", "--"];
        // In a session of its own, the worker gets no signals from our terminal, and its process group can be killed as a whole.
        string[] start = ["setsid", "sh", "-c", "exec 9<\"$0\" && exec \"$@\"", CallFilter.PathOf(sockets: true), .. limits];
        return [.. start, .. room, "--seccomp", "9", "--", program, .. worker.Words.Skip(1)];
    }

    /// <summary>All environment variables of a worker.</summary>
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

    // The program of a virtual environment is a link to another, whose libraries lie next to it: the folder of each link is visible.
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
