using System.Net.WebSockets;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Models;

namespace TrueLive.Samples.EmbeddedSession;

/// <summary>
/// How do I put a live session into my own ASP.NET application? One endpoint takes a WebSocket on which a page sends its camera as JPEG
/// pictures, and sends back what the model makes of each; a text message is a prompt.
/// </summary>
public static class Program
{
    // Each session keeps a core or two busy. Further clients are refused at once instead of being served badly.
    private const int MaxSessions = 1;

    public static async Task Main(string[] args)
    {
        await using var app = Build(args);
        await app.RunAsync();
    }

    /// <summary>The application, ready to run.</summary>
    public static WebApplication Build(string[] args)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        { Args = args, ContentRootPath = AppContext.BaseDirectory, WebRootPath = "page" });
        // The weights are loaded once and shared by all sessions; the container disposes them when the application ends.
        builder.Services.AddSingleton<IVideoModel>(_ =>
            ModelLoader.Load(Path.Combine(AppContext.BaseDirectory, "live-tiny"), threads: 0, TimeProvider.System));
        builder.Services.AddSingleton(_ => new SemaphoreSlim(MaxSessions));
        var app = builder.Build();
        app.UseFileServer();
        app.UseWebSockets();
        app.Map("/live", LiveAsync);
        return app;
    }

    private static async Task LiveAsync(HttpContext http, IVideoModel model, SemaphoreSlim places, IHostApplicationLifetime host)
    {
        // Browsers let any page open a WebSocket to any server: only our own page may.
        if (http.Request.Headers.Origin is [{ } origin]
            && (!Uri.TryCreate(origin, UriKind.Absolute, out var page) || page.Authority != http.Request.Host.Value))
        {
            http.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        if (!http.WebSockets.IsWebSocketRequest || !await places.WaitAsync(TimeSpan.Zero, http.RequestAborted))
        {
            http.Response.StatusCode = http.WebSockets.IsWebSocketRequest
                ? StatusCodes.Status503ServiceUnavailable
                : StatusCodes.Status426UpgradeRequired;
            return;
        }
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, host.ApplicationStopping);
            using var socket = await http.WebSockets.AcceptWebSocketAsync();
            var settings = new SessionSettings(model, 512, 288, Prompt.None, Epoch: 0, Resets: 0, Paused: false);
            using var session = new LiveSession(http.TraceIdentifier, settings, new LiveSessionOptions(), TimeProvider.System);
            using var pictures = new JpegPictures(socket, TimeProvider.System)
            {
                Prompted = text => session.Update(Guid.NewGuid().ToString(), new PromptChange(text, Strength: null, Transition: null)),
            };
            // Returns when either side has ended, and never throws for a failure of the link, the codec or the model.
            var end = await session.RunAsync(pictures, pictures, stop.Token);
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, end.Cause.ToString(), CancellationToken.None);
        }
        finally
        {
            places.Release();
        }
    }
}
