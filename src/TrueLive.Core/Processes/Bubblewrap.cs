using System.ComponentModel;
using System.Diagnostics;

namespace TrueLive.Core.Processes;

/// <summary>
/// A sandbox for a program that is not trusted: the system's programs and libraries, a few devices, and nothing else; no network and no
/// other processes.
/// </summary>
public static class Bubblewrap
{
    private static readonly string[] System =
        ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives",
            "/nix/store"];

    // No terminal: input that a program in the sandbox pushed into it would be run by the user's shell.
    private static readonly string[] Devices = ["/dev/null", "/dev/zero", "/dev/urandom"];

    private static readonly Lazy<bool> Works = new(() => Try());
    private static readonly Lazy<bool> WorksWithProc = new(() => IsUsable && Try("--proc", "/proc"));

    /// <summary>Whether bubblewrap is installed and the system permits it, which some containers do not.</summary>
    public static bool IsUsable => Works.Value;

    /// <summary>
    /// Whether a sandbox may have its own <c>/proc</c> as well, which some containers forbid that permit the rest.
    /// </summary>
    public static bool HasProc => WorksWithProc.Value;

    /// <summary>Whether a path is visible in every sandbox.</summary>
    public static bool Shows(string path) => System.Any(s => path == s || path.StartsWith(s + "/", StringComparison.Ordinal));

    /// <summary>What every sandbox shows, as far as it is there: the system's programs and libraries, and a few devices.</summary>
    public static IEnumerable<string> Shown => System.Concat(Devices).Where(Path.Exists);

    /// <summary>The beginning of a command that runs a program in the sandbox; further mounts, <c>--</c> and the program follow.</summary>
    public static List<string> Room()
    {
        List<string> command = ["bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL"];
        foreach (var path in System.Where(Path.Exists))
        {
            if (new DirectoryInfo(path).LinkTarget is { } target)
                command.AddRange(["--symlink", target, path]);
            else
                command.AddRange(["--ro-bind", path, path]);
        }
        foreach (var device in Devices)
            command.AddRange(["--dev-bind", device, device]);
        return command;
    }

    private static bool Try(params string[] more)
    {
        List<string> command = [.. Room(), .. more, "--tmpfs", "/tmp", "--", "true"];
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command[0], command.Skip(1))
            { RedirectStandardError = true, RedirectStandardOutput = true })!;
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
