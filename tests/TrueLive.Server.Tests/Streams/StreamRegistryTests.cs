using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TrueLive.Core.Sessions;
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
