using System.CommandLine;
using TrueLive.Fleet;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary><c>truelive control</c>: a front door of a fleet.</summary>
internal static class ControlCommand
{
    private const string Trial =
        "store is memory: this is the only control node, and what it knows is lost when it stops (workers and their sessions go on).";

    public static Command Make()
    {
        var control = new Command("control",
            "Run a front door of a fleet: it takes the requests of clients and places live sessions on workers ('truelive serve --join').");
        var settings = ServeCommand.AddSettings(control, OptionUse.Control);
        control.SetAction((parsed, cancel) =>
        {
            var (file, flags) = settings(parsed);
            return ServeCommand.RunAsync(file, flags, BuildAsync, cancel);
        });
        return control;

        async Task<Microsoft.AspNetCore.Builder.WebApplication> BuildAsync(ServerOptions options, CancellationToken cancel)
        {
            if (options.Store == "memory")
                await Console.Error.WriteLineAsync(Trial).ConfigureAwait(false);
            return await ControlNode.BuildAsync(options, cancel).ConfigureAwait(false);
        }
    }
}
