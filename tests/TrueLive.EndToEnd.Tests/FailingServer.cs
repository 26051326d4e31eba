using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Server;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;

namespace TrueLive.EndToEnd.Tests;

/// <summary>A server with pass-through and a default model that loads but fails in each step.</summary>
internal sealed class FailingServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FailingServer(WebApplication app) => _app = app;

    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    public static async Task<FailingServer> StartAsync()
    {
        var options = new ServerOptions { Port = 0, WebrtcPort = 0, LogLevel = "Error", MaxSessions = 1, Clips = false };
        var app = TrueLiveServer.Build(options, new ModelStore([new Failing(), new PassthroughModel()]));
        await app.StartAsync();
        return new FailingServer(app);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private sealed class Failing : IVideoModel
    {
        private readonly PassthroughModel _whole = new();

        public ModelInfo Info => _whole.Info with { Id = "failing", Title = "Failing" };

        public PromptReading Read(string text) => _whole.Read(text);

        public IModelSession CreateSession(int width, int height) => new Session(_whole.CreateSession(width, height));

        public void Dispose() => _whole.Dispose();

        private sealed class Session(IModelSession whole) : IModelSession
        {
            public int Width => whole.Width;

            public int Height => whole.Height;

            public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made) => throw new ModelStepException("It always fails.");

            public void Reset() => whole.Reset();

            public ModelState Capture() => whole.Capture();

            public void Restore(ModelState state) => whole.Restore(state);

            public void Dispose() => whole.Dispose();
        }
    }
}
