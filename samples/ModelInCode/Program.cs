using TrueLive.Core.Models;
using TrueLive.Server;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;

namespace TrueLive.Samples.ModelInCode;

/// <summary>
/// How do I write a model in C#, without ONNX? <see cref="TrailsModel"/> is one, with a prompt and a memory; here it runs in the complete
/// server, with the page, WHIP and everything else.
/// </summary>
public static class Program
{
    /// <summary>Argument: the port, 8080 by default.</summary>
    public static async Task Main(string[] args)
    {
        await using var app = Build(new ServerOptions { Port = args is [var port, ..] ? int.Parse(port) : 8080 });
        await app.RunAsync();
    }

    /// <summary>The server with this one model, and pass-through to compare it with.</summary>
    public static WebApplication Build(ServerOptions options) =>
        TrueLiveServer.Build(options, new ModelStore([new TrailsModel(), new PassthroughModel()]));
}
