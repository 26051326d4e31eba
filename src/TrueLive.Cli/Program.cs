using System.CommandLine;
using TrueLive.Cli;

var line = CommandLine.Complete(args);
// A clip and the report of a probe are finished when interrupted, which may take far longer than the two seconds given to the others. Null leaves
// the signal to whoever takes it: the server's host does, and without one the process is gone at once.
return await CommandLine.Make().Parse(line).InvokeAsync(line switch
{
    ["clip" or "probe", ..] => new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(30) },
    ["serve", ..] => new InvocationConfiguration { ProcessTerminationTimeout = null },
    _ => null,
});
