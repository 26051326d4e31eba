using System.CommandLine;
using TrueLive.Cli;

var root = new RootCommand("TrueLive: live AI video on your own machine. Without a command it serves.")
{
    ServeCommand.Make(),
    ModelsCommand.Make(),
    CheckCommand.Make(),
    ClipCommand.Make(),
    ProbeCommand.Make(),
    BenchCommand.Make(),
};
return await root.Parse(args.Length == 0 || (args[0].StartsWith('-') && args[0] is not ("-h" or "-?" or "--help" or "--version")) ? ["serve", .. args] : args)
    // A clip, and the report of a probe, are finished when interrupted, which may take longer than the two seconds given to the others.
    .InvokeAsync(args is ["clip" or "probe", ..] ? new InvocationConfiguration { ProcessTerminationTimeout = null } : null);
