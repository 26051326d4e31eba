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
string[] line = args.Length == 0 || (args[0].StartsWith('-') && args[0] is not ("-h" or "-?" or "--help" or "--version")) ? ["serve", .. args] : args;
// A clip, the report of a probe and the streams of a server are finished when interrupted, which may take longer than the two seconds given to the others.
return await root.Parse(line).InvokeAsync(line is ["clip" or "probe" or "serve", ..] ? new InvocationConfiguration { ProcessTerminationTimeout = null } : null);
