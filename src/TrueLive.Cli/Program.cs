using System.CommandLine;
using TrueLive.Cli;

var root = new RootCommand("TrueLive: live AI video on your own machine. Without a command it serves.")
{
    ServeCommand.Make(),
    DoctorCommand.Make(),
    KeysCommand.Make(),
    ModelsCommand.Make(),
    CheckCommand.Make(),
    ClipCommand.Make(),
    ProbeCommand.Make(),
    BenchCommand.Make(),
};
string[] line = args.Length == 0 || (args[0].StartsWith('-') && args[0] is not ("-h" or "-?" or "--help" or "--version")) ? ["serve", .. args] : args;
// A clip and the report of a probe are finished when interrupted, which may take far longer than the two seconds given to the others. Null leaves
// the signal to whoever takes it: the server's host does, and without one the process is gone at once.
return await root.Parse(line).InvokeAsync(line switch
{
    ["clip" or "probe", ..] => new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(30) },
    ["serve", ..] => new InvocationConfiguration { ProcessTerminationTimeout = null },
    _ => null,
});
