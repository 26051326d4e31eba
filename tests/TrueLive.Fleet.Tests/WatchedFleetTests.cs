using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TrueLive.Fleet.Links;
using TrueLive.Server.Access;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Fleet.Tests;

/// <summary>What operators see of a front door and a worker with a session: traces, metrics, the dashboard.</summary>
[Trait("Run", "long")]
public sealed partial class WatchedFleetTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-watched-").FullName;
    private OtlpReceiver _traces = null!;
    private ServerProcess _control = null!;
    private ServerProcess _worker = null!;
    private HttpClient _http = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var control = Path.Combine(_folder, "control");
        _traces = await OtlpReceiver.StartAsync();
        _control = await ServerProcess.StartControlUnderAsync(_traces.Environment, "--data-folder", control, "--worker-silence-ms",
            "60000");
        var key = ApiKeyFile.Create(JoinKeyFile.PathIn(control), "gpu-1", KeyScopes.None, TimeProvider.System.GetUtcNow(), null);
        _worker = await ServerProcess.StartUnderAsync(_traces.Environment, "--data-folder", Path.Combine(_folder, "worker"), "--join",
            _control.Address, "--join-key", key, "--size", "192x192", "--max-sessions", "1");
        _http = new HttpClient { BaseAddress = new Uri(_control.Address), Timeout = TimeSpan.FromMinutes(5) };
        await TestFleet.UntilAsync(async () => (await _http.GetAsync("/readyz", Cancel)).StatusCode == HttpStatusCode.OK);
    }

    public async ValueTask DisposeAsync()
    {
        _http?.Dispose();
        foreach (var process in new[] { _worker, _control })
        {
            if (process is not null)
                await process.DisposeAsync();
        }
        if (_traces is not null)
            await _traces.DisposeAsync();
        Directory.Delete(_folder, true);
    }

    [Fact]
    public async Task A_trace_leads_from_the_request_at_the_front_door_to_the_first_picture_and_the_dashboard_finds_its_metrics()
    {
        await using var client = await NativeClient.ConnectAsync(new Uri(_http.BaseAddress!, "/whip?prompt=a+secret+wish"));
        await client.OpenControlAsync();
        await client.PicturesAsync(3);
        Assert.True(client.Channel!.Send("""{"type":"pause","id":"p"}"""));
        var id = client.Whip.Resource!.Segments[2].TrimEnd('/');
        // Another one finds the fleet full, within a trace of its own.
        const string Trace = "0af7651916cd43dd8448eb211c80319c";
        using (var request = new HttpRequestMessage(HttpMethod.Post, "/v1/sessions") { Content = JsonContent.Create(new { }) })
        {
            request.Headers.Add("traceparent", $"00-{Trace}-b7ad6b7169203331-01");
            using var full = await _http.SendAsync(request, Cancel);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, full.StatusCode);
        }
        JsonArray spans = [];
        await TestFleet.UntilAsync(async () =>
        {
            spans = await _traces.SpansAsync();
            return spans.Count >= 9;
        });
        var ours = spans.Where(s => (string?)s!["trace"] != Trace).ToDictionary(s => $"{s!["service"]}: {s["name"]}", s => s!);
        Assert.Equal(["truelive-control: front door", "truelive-control: placement", "truelive-worker: ICE and DTLS",
            "truelive-worker: WHIP", "truelive-worker: admission", "truelive-worker: first picture", "truelive-worker: signalling"],
            ours.Keys.Order(StringComparer.Ordinal));
        Assert.Single(ours.Values.Select(s => (string?)s["trace"]).Distinct());
        var (door, whip) = (ours["truelive-control: front door"], ours["truelive-worker: WHIP"]);
        Assert.Equal(("", (string?)door["id"]), ((string?)door["parent"], (string?)whip["parent"]));
        foreach (var (name, span) in ours.Where(s => s.Value != door && s.Value != whip))
        {
            var whole = name.StartsWith("truelive-control", StringComparison.Ordinal) ? door : whip;
            Assert.Equal((name, (string?)whole["id"]), (name, (string?)span["parent"]));
        }
        Assert.All(ours.Values, s => Assert.False((bool)s["failed"]!));
        Assert.Equal((id, "gpu-1"), ours["truelive-control: placement"]["tags"] is { } tags
            ? ((string?)tags["truelive.session"], (string?)tags["truelive.worker"]) : default);
        Assert.Equal(id, (string?)ours["truelive-worker: first picture"]["tags"]!["truelive.session"]);
        Assert.DoesNotContain("secret", spans.ToJsonString(), StringComparison.Ordinal);
        var refused = spans.Where(s => (string?)s!["trace"] == Trace).ToDictionary(s => (string)s!["name"]!, s => s!);
        Assert.Equal(("b7ad6b7169203331", true), ((string?)refused["front door"]["parent"], (bool)refused["front door"]["failed"]!));

        await DashboardFindsItsMetricsAsync();
    }

    // Each metric of a query is scraped, and has each label that the query names.
    private async Task DashboardFindsItsMetricsAsync()
    {
        var dashboard = JsonNode.Parse(await File.ReadAllTextAsync(
            Path.Combine(OtlpReceiver.RootFolder(), "deploy", "grafana", "truelive.json"), Cancel))!;
        var queries = dashboard["panels"]!.AsArray().SelectMany(p => p!["targets"]?.AsArray() ?? [])
            .Select(t => (string)t!["expr"]!).ToList();
        Assert.True(queries.Count >= 15);
        using var worker = new HttpClient { BaseAddress = new Uri(_worker.Address) };
        var page = "";
        // Figures are looked at once a second, requests counted once they are answered, and pages cached for a moment.
        string[] late = ["truelive_fleet_workers{", "truelive_fleet_placement_time_seconds_bucket{", "truelive_requests_refused_total{",
            "truelive_frames_dropped_total{", "truelive_frame_age_seconds_bucket{", "truelive_frame_stage_duration_seconds_bucket{"];
        await TestFleet.UntilAsync(async () =>
        {
            page = await _http.GetStringAsync("/metrics", Cancel) + await worker.GetStringAsync("/metrics", Cancel);
            return late.All(metric => page.Contains(metric, StringComparison.Ordinal));
        });
        // Prometheus adds the label instance itself.
        var labels = Sample().Matches(page).GroupBy(m => m.Groups["name"].Value).ToDictionary(g => g.Key,
            g => g.SelectMany(m => Names(m.Groups["labels"].Value)).Append("instance").ToHashSet());
        foreach (var query in queries)
        {
            var named = Selector().Matches(query);
            Assert.NotEmpty(named);
            foreach (Match metric in named)
            {
                Assert.True(labels.TryGetValue(metric.Groups["name"].Value, out var has), $"No such metric: {query}");
                var wanted = Names(metric.Groups["labels"].Value)
                    .Concat(By().Matches(query).SelectMany(b => b.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries)));
                Assert.All(wanted, label => Assert.True(has.Contains(label), $"No label {label}: {query}"));
            }
        }
    }

    private static IEnumerable<string> Names(string labels) => Label().Matches(labels).Select(l => l.Groups[1].Value);

    [GeneratedRegex(@"^(?<name>[a-z_]+)\{(?<labels>.*)\} ", RegexOptions.Multiline)]
    private static partial Regex Sample();

    [GeneratedRegex(@"\b(?<name>(truelive|dotnet)_[a-z_]+)(\{(?<labels>[^}]*)\})?")]
    private static partial Regex Selector();

    [GeneratedRegex("([a-z_]+)=~?\"")]
    private static partial Regex Label();

    [GeneratedRegex(@"by \(([a-z_, ]+)\)")]
    private static partial Regex By();
}
