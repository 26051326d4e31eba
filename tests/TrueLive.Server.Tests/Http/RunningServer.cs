using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Models;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Tests.Http;

/// <summary>The real server on a free port of this machine.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RunningServer(WebApplication app)
    {
        _app = app;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        Http = new HttpClient(new Published.Handler(new HttpClientHandler
        { ServerCertificateCustomValidationCallback = (_, _, _, _) => true }))
        { BaseAddress = Address, Timeout = TimeSpan.FromMinutes(5) };
    }

    public Uri Address { get; }

    public HttpClient Http { get; }

    public IServiceProvider Services => _app.Services;

    public static async Task<RunningServer> StartAsync(Action<ServerOptions>? change = null, IReadOnlyList<IVideoModel>? models = null)
    {
        // No session is over because a step of a test took long.
        var options = new ServerOptions { Port = 0, WebrtcPort = 0, LogLevel = "Warning", KeepSeconds = 3600 };
        change?.Invoke(options);
        var app = TrueLiveServer.Build(options, new ModelStore(models ?? [new PassthroughModel()]));
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new RunningServer(app);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
    }
}
