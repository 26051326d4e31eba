using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Probes;
using TrueLive.Server.Resources;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Probes;

/// <summary>Probe runs of several clients; each fails at once, since where its report belongs there is a file.</summary>
public sealed class ProbeRunsTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("truelive-probe-runs-").FullName;

    public ProbeRunsTests() => File.WriteAllText(Path.Combine(_data, "probes"), "");

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task A_client_that_was_refused_comes_before_the_one_that_had_the_last_run()
    {
        var time = new FakeTimeProvider();
        var options = new ServerOptions { DataFolder = _data };
        // A run is over once its failure is in the log.
        using var over = new Holding();
        await using var runs = new ProbeRuns(options, new ApiKeyRing(options, time, NullLogger<ApiKeyRing>.Instance), time, over);
        var first = Begin("ann");
        try
        {
            Assert.Contains("A probe is running", Refused("bob"), StringComparison.Ordinal);
            Assert.Contains("A probe of yours is running", Refused("ann"), StringComparison.Ordinal);
        }
        finally
        {
            over.Let.Set();
        }
        await NativeClient.UntilAsync(() => first.State != ProbeState.Running);
        Assert.Contains("Others waited", Refused("ann"), StringComparison.Ordinal);
        var bobs = Begin("bob");
        await NativeClient.UntilAsync(() => bobs.State != ProbeState.Running);
        var last = Begin("ann");
        await NativeClient.UntilAsync(() => last.State != ProbeState.Running);

        ProbeJob Begin(string owner) => runs.Begin(owner, "echo", "http://127.0.0.1:1", "glance", null);

        string Refused(string owner) => Assert.Throws<RequestRefusedException>(() => Begin(owner)).Message;
    }

    [Fact]
    public async Task A_client_with_many_reports_pushes_out_its_own_and_nobody_elses()
    {
        var time = new FakeTimeProvider();
        var options = new ServerOptions { DataFolder = _data };
        await using var runs = new ProbeRuns(options, new ApiKeyRing(options, time, NullLogger<ApiKeyRing>.Instance), time,
            NullLogger<ProbeRuns>.Instance);
        var bobs = await EndedAsync("bob");
        var first = await EndedAsync("ann");
        for (var i = 0; i < ProbeRuns.MaxKept; i++)
            await EndedAsync("ann");
        Assert.Equal(ProbeRuns.MaxKept, runs.All.Count);
        Assert.NotNull(runs.Find(bobs.Id, "bob"));
        Assert.Null(runs.Find(first.Id, "ann"));
        Assert.Null(runs.Find(bobs.Id, "ann"));

        async Task<ProbeJob> EndedAsync(string owner)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            var job = runs.Begin(owner, "echo", "http://127.0.0.1:1", "glance", null);
            await NativeClient.UntilAsync(() => job.State != ProbeState.Running);
            return job;
        }
    }

    private sealed class Holding : ILogger<ProbeRuns>, IDisposable
    {
        public ManualResetEventSlim Let { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Let.Wait();

        public void Dispose() => Let.Dispose();
    }
}
