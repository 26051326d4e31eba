using TrueLive.Core.Processes;

namespace TrueLive.Media.Files;

/// <summary>
/// Runs a program in bubblewrap: it sees the system's programs and libraries, the files that its arguments name and nothing else. It has no
/// network (unless it is to reach one), sees no other processes, and cannot change its inputs, so a hostile file that takes over a decoder
/// gains nothing.
/// </summary>
internal static class Sandbox
{
    private const string FilePrefix = "file:";

    // Certificates of the authorities that a TLS server is checked against.
    private const string Authorities = "/etc/ssl/certs";

    /// <summary>Whether bubblewrap is installed and the system permits it: some containers do not.</summary>
    public static bool IsUsable => Bubblewrap.IsUsable;

    /// <summary>
    /// The command that runs a program in the sandbox. Arguments of the form <c>file:PATH</c> name what it sees: it may read the one after
    /// <c>-i</c> (and all of its folder, if that is a list of segments), and write to the folders of the others.
    /// </summary>
    /// <param name="tool">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="folder">Folder that relative names among them refer to, which it may read; null for none.</param>
    /// <param name="writes">Whether it may write there, too.</param>
    /// <param name="reach">What it may reach beside files.</param>
    public static IReadOnlyList<string> Around(
        string tool, IReadOnlyList<string> arguments, string? folder = null, bool writes = false, ChildReach reach = default)
    {
        var command = Bubblewrap.Room();
        if (reach.Network)
            command.AddRange(["--share-net", "--ro-bind-try", Authorities, Authorities]);
        if (reach.Device is { } device)
            command.AddRange(["--dev-bind-try", device, device]);
        if (FolderOf(tool) is { } home && !Bubblewrap.Shows(home))
            command.AddRange(["--ro-bind", home, home]);
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
            // If the name is a number pattern, percent signs in its folder are doubled.
            var above = (Path.GetFileName(path).Contains('%', StringComparison.Ordinal)
                ? Path.GetDirectoryName(path)?.Replace("%%", "%", StringComparison.Ordinal)
                : Path.GetDirectoryName(path)) ?? "/";
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
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .FirstOrDefault(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, tool)));
}
