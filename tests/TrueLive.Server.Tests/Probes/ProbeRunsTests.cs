using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Probes;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Probes;

/// <summary>Probe runs of several clients; each fails at once, since where its report belongs there is a file.</summary>
public sealed class ProbeRunsTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("truelive-probe-runs-").FullName;

    public ProbeRunsTests() => File.WriteAllText(Path.Combine(_data, "probes"), "");

    public void Dispose() => Directory.Delete(_data, recursive: true);

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
}
