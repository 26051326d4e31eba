using System.CommandLine;
using TrueLive.Cli;

var line = CommandLine.Complete(args);
// An interrupted clip or probe finishes its file or report, which may take far longer than the default timeout of two seconds. Null leaves
// the signal to the server's host; without a host the process ends at once.
var invocation = line switch
{
    ["clip" or "probe", ..] => new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(30) },
    ["serve" or "control" or "stream", ..] => new InvocationConfiguration { ProcessTerminationTimeout = null },
    _ => new InvocationConfiguration(),
};
invocation.EnableDefaultExceptionHandler = false;
try
{
    return await CommandLine.Make().Parse(line).InvokeAsync(invocation);
}
catch (OperationCanceledException)
{
    return 1;
}
catch (Exception error)
{
    await Console.Error.WriteLineAsync(MachineFault.Of(error)
        ?? $"This is a fault in TrueLive. Please report it with these lines:\n{error}");
    return 1;
}
