using System.CommandLine;

namespace TrueLive.Cli;

/// <summary>The whole command line: every command with its arguments and options.</summary>
internal static class CommandLine
{
    public static RootCommand Make() => new("TrueLive: live AI video on your own machine. Without a command it serves.")
    {
        ServeCommand.Make(),
        ControlCommand.Make(),
        FleetCommand.Make(),
        DoctorCommand.Make(),
        KeysCommand.Make(),
        UsageCommand.Make(),
        ModelsCommand.Make(),
        CheckCommand.Make(),
        ClipCommand.Make(),
        StreamCommand.Make(),
        ProbeCommand.Make(),
        RequireCommand.Make(),
        BenchCommand.Make(),
    };

    /// <summary>Inserts <c>serve</c>, the default command, where none is given.</summary>
    public static string[] Complete(string[] words) =>
        words.Length == 0 || (words[0].StartsWith('-') && words[0] is not ("-h" or "-?" or "--help" or "--version"))
            ? ["serve", .. words]
            : words;
}
