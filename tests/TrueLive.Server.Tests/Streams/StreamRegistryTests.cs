using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TrueLive.Core.Sessions;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Streams;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Streams;

public sealed class StreamRegistryTests(NumberedScene scene) : IClassFixture<NumberedScene>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stream_whose_session_ends_while_it_begins_leaves_no_output_behind()
    {
        await using var server = await RunningServer.StartAsync(o =>
        {
            (o.DataFolder, o.StreamFolder) = (Path.Combine(scene.Folder, "data"), scene.Folder);
            (o.MaxSessions, o.LogLevel) = (4, "Information");
        });
        using var log = new EndsWhatBegins(server.Services);
        server.Services.GetRequiredService<ILoggerFactory>().AddProvider(log);
        using var _ = await server.Http.PostAsJsonAsync(
            "/v1/streams", new { source = "file:scene.ts", outputs = new[] { "udp://127.0.0.1:9", "hls" } }, Cancel);
        Assert.Empty(log.Ended!.Outputs);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_server_that_stops_ends_what_its_streams_run_and_write_first()
    {
        var server = new StreamServer();
        await server.InitializeAsync();
        var (rtmp, srt) = (FreePort.Next(), FreePort.Next());
        var pushed = await server.BeginAsync($"rtmp://:{rtmp}/live/secret-key-1?mode=listener", null, "file:pushed.mp4", "hls");
        await server.BeginAsync($"rtmp://:{rtmp}/live/secret-key-2?mode=listener", null, "file:awaited.mp4");
        await server.BeginAsync($"srt://:{srt}?mode=listener", null, "udp://127.0.0.1:9");
        await using var encoder = Program.Publish(server.Scene, "-f", "flv", $"rtmp://127.0.0.1:{rtmp}/live/secret-key-1");
        await server.UntilAsync(pushed, StreamServer.IsLive);

        // The folder goes with it: nothing may still write there.
        await server.DisposeAsync();
        Assert.Empty(ChildProcesses.Of("pushed.mp4"));
        Assert.False(Directory.Exists(server.Scene.Folder));
    }

    /// <summary>Ends the session of a stream when the log tells that it has begun, and waits until its legs are closed.</summary>
    private sealed class EndsWhatBegins(IServiceProvider services) : ILoggerProvider, ILogger
    {
        public StreamLegs? Ended { get; private set; }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Name != "stream_began")
                return;
            Ended = Assert.Single(services.GetRequiredService<StreamRegistry>().All);
            services.GetRequiredService<SessionRegistry>().End(Ended.Hosted, EndCause.ControlClient);
            Assert.NotNull(Ended.Events.FollowAsync(Cancel).ToBlockingEnumerable(Cancel).ToList());
        }

        public void Dispose()
        {
        }
    }
}
