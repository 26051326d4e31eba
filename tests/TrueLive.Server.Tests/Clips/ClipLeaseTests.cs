using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Clips;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Tests.Clips;

/// <summary>What the leases of one job leave on the disk for each other.</summary>
public sealed class ClipLeaseTests(MadeFiles files) : IClassFixture<MadeFiles>, IDisposable
{
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly ServerOptions _options = new()
    { DataFolder = Directory.CreateTempSubdirectory("truelive-leases-").FullName, ClipDiskMb = 4 };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_options.DataFolder, recursive: true);

    // Two leases of one job, of which the first ran out.
    private async Task<(ClipJob First, ClipJob Second)> ClaimTwiceAsync(ClipFolders folders)
    {
        await using var database = await ClipDatabase.OpenSqliteAsync(Path.Combine(_options.DataFolder, "queue.sqlite"), Cancel);
        var queue = new ClipQueue(database, new ClipQueueOptions(), _time);
        await queue.EnqueueAsync("ann", new ClipRequest("", "", "m", 16, 16, "mp4", 1, null), Cancel);
        var first = (await queue.ClaimAsync(Cancel))!;
        folders.Begin(first);
        _time.Advance(TimeSpan.FromMinutes(1));
        var second = (await queue.ClaimAsync(Cancel))!;
        folders.Begin(second);
        return (first, second);
    }

    [Fact]
    public async Task A_clip_may_take_as_much_after_its_worker_stopped_as_before()
    {
        var folders = new ClipFolders(_options);
        var (first, second) = await ClaimTwiceAsync(folders);
        var most = folders.MostPartsOf(first);
        Directory.CreateDirectory(folders.PartsOf(first));
        await File.WriteAllBytesAsync(Path.Combine(folders.PartsOf(first), "part.mkv"), new byte[3 * most / 4], Cancel);
        Assert.InRange(folders.MostPartsOf(second), most - 8192, most + 8192);
    }

    [Fact]
    public async Task Only_what_was_made_under_a_lease_before_is_taken_over()
    {
        var folders = new ClipFolders(_options);
        var (first, second) = await ClaimTwiceAsync(folders);
        foreach (var lease in new[] { first, second })
        {
            Directory.CreateDirectory(folders.PartsOf(lease));
            Directory.CreateDirectory(folders.FetchedOf(lease));
        }
        Assert.Equal([folders.PartsOf(first)], folders.PartsBefore(second));
        Assert.Equal([folders.FetchedOf(first)], folders.FetchedBefore(second));
        // The first was stopped and wakes up now.
        Assert.Empty(folders.PartsBefore(first));
        Assert.Empty(folders.FetchedBefore(first));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_clip_is_done_though_its_work_folder_cannot_be_removed()
    {
        using var log = new EventNames();
        await using var server = await ClipServer.StartAsync(files, o => o.LogLevel = "Information");
        server.Services.GetRequiredService<ILoggerFactory>().AddProvider(log);
        var client = await ClipApiTests.GoLiveAsync(server);
        var job = await server.ClipAsync(new { upload = await server.UploadAsync(await server.FilmAsync("tidy.mp4", 0.4)) });
        // Another server has woken up and still writes there. Empty files take no room.
        var busy = Directory.CreateDirectory(Path.Combine(server.Data, "clips", "work", (string)job["id"]!, "0-woken")).FullName;
        var writing = Task.Run(() =>
        {
            try
            {
                for (var i = 0; !log.Has("clips_uncleaned") && !log.Has("clip_failed"); i++)
                    File.Create(Path.Combine(busy, $"{i % 10_000}")).Dispose();
            }
            catch (DirectoryNotFoundException)
            {
                // It happened not to write while the folder was removed.
            }
        }, Cancel);
        client.Vanish();
        Assert.Equal("done", (string)(await server.FollowAsync(job))[^1].Job["state"]!);
        await writing;
        Assert.True(log.Has("clip_done"));
        Assert.False(log.Has("clip_failed"));
    }

    private sealed class EventNames : ILoggerProvider, ILogger
    {
        private readonly System.Collections.Concurrent.ConcurrentDictionary<string, bool> _names = new();

        public bool Has(string name) => _names.ContainsKey(name);

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _names[eventId.Name ?? ""] = true;

        public void Dispose()
        {
        }
    }
}
