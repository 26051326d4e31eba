using System.ComponentModel;
using System.Diagnostics;

namespace TrueLive.Media.Files;

/// <summary>
/// A program shut in with bubblewrap: it sees the system's programs and libraries, the files that its arguments name and nothing else, has
/// no network
/// and no other processes, and cannot change its inputs. Whoever takes over a decoder by a hostile file holds an empty room.
/// </summary>
internal static class Sandbox
{
    private const string FilePrefix = "file:";

    private static readonly string[] System = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/nix/store"];

    // No terminal among them: what is typed into one would be run by its shell.
    private static readonly string[] Devices = ["/dev/null", "/dev/zero", "/dev/urandom"];

    private static readonly Lazy<bool> Works = new(Try);

    /// <summary>Whether bubblewrap is installed and the system lets it work: some containers do not.</summary>
    public static bool IsUsable => Works.Value;

    /// <summary>
    /// The command that runs a program inside. Arguments of the form <c>file:PATH</c> name what it sees: the one after <c>-i</c> it may
    /// read (with its
    /// neighbours where it is a list of parts), into the folders of the others it may write.
    /// </summary>
    /// <param name="tool">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="folder">Folder that relative names among them refer to, which it may read; null for none.</param>
    /// <param name="writes">Whether it may write there, too.</param>
    public static IReadOnlyList<string> Around(string tool, IReadOnlyList<string> arguments, string? folder = null, bool writes = false)
    {
        List<string> command = ["bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL"];
        foreach (var path in System.Where(Path.Exists))
        {
            if (new DirectoryInfo(path).LinkTarget is { } target)
                command.AddRange(["--symlink", target, path]);
            else
                command.AddRange(["--ro-bind", path, path]);
        }
        if (FolderOf(tool) is { } home && !System.Any(s => home.StartsWith(s + "/", StringComparison.Ordinal)))
            command.AddRange(["--ro-bind", home, home]);
        foreach (var device in Devices)
            command.AddRange(["--dev-bind", device, device]);
        command.AddRange(["--tmpfs", "/tmp"]);
        if (folder is not null)
            command.AddRange([writes ? "--bind" : "--ro-bind", folder, folder, "--chdir", folder]);
        var isList = false;
        for (var i = 0; i < arguments.Count; i++)
        {
            isList |= arguments[i] == "concat";
            if (!arguments[i].StartsWith(FilePrefix, StringComparison.Ordinal))
                continue;
            var path = arguments[i][FilePrefix.Length..];
            // Where the name is a pattern of numbers, percent signs of its folder are written twice.
            var above = (Path.GetFileName(path).Contains('%', StringComparison.Ordinal) ? Path.GetDirectoryName(path)?.Replace("%%", "%", StringComparison.Ordinal) : Path.GetDirectoryName(path)) ?? "/";
            if (i == 0 || arguments[i - 1] != "-i")
                command.AddRange(["--bind", above, above]);
            else if (isList)
                command.AddRange(["--ro-bind", above, above]);
            else
                command.AddRange(["--ro-bind-try", path, path]);
        }
        return [.. command, "--", tool, .. arguments];
    }

    private static string? FolderOf(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').FirstOrDefault(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, tool)));

    private static bool Try()
    {
        var command = Around("true", []);
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}
