using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Telemetry;

/// <summary>Metrics cover the whole process, so no other server may run in it meanwhile.</summary>
[CollectionDefinition(nameof(MetricsTests), DisableParallelization = true)]
public sealed class MetricsAlone;

/// <summary>What an operator reads after real sessions.</summary>
[Collection(nameof(MetricsTests))]
public sealed partial class MetricsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Frames_drops_stage_times_age_and_sessions_are_there_after_a_live_session()
    {
        await using var server = await RunningServer.StartAsync();
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip?model=passthrough"));
        await client.OpenControlAsync();
        await client.PicturesAsync(30);
        await using var fallback = await JpegClient.ConnectAsync(server.Address, "model=passthrough");
        await fallback.SendAsync([1, 2, 3]);
        await fallback.SendUntilPictureAsync();
        // The time until the last packet of a picture has left is known for RTP only, not for a WebSocket.
        var sessions = (await server.Http.GetFromJsonAsync<JsonNode>("/v1/sessions", Cancel))!["sessions"]!.AsArray();
        var outs = sessions.Select(x => ((double)x!["stats"]!["out_p50_ms"]!, (double)x["stats"]!["out_beside_step_p99_ms"]!)).Order()
            .ToArray();
        Assert.Equal((0, 0), outs[0]);
        Assert.InRange(outs[1].Item1, 0.01, 5000);
        Assert.True(outs[1].Item2 >= outs[1].Item1 / 2, $"{outs[1]}");
        Assert.True(client.Channel!.Send("""{"type":"pause","id":"p"}"""));
        await client.MessageAsync(m => (string?)m["type"] == "applied" && (string?)m["id"] == "p");

        // The page is cached for a while.
        var page = "";
        await NativeClient.UntilAsync(async () =>
        {
            page = await server.Http.GetStringAsync("/metrics", Cancel);
            return Sum(page, "truelive_frames_dropped", "reason=\"paused\"") > 0 && Sum(page, "truelive_sessions", "state=\"paused\"") > 0;
        });
        Assert.True(Sum(page, "truelive_frames_received") >= 31, page);
        Assert.True(Sum(page, "truelive_frames_sent") >= 31, page);
        Assert.True(Sum(page, "truelive_frames_dropped", "reason=\"undecodable\"") >= 1, page);
        foreach (var stage in new[] { "decode", "wait", "step", "send" })
            Assert.True(Sum(page, "truelive_frame_stage_duration_seconds_count", $"stage=\"{stage}\"") >= 31, page);
        Assert.True(Sum(page, "truelive_frame_age_seconds_count") >= 31, page);
        Assert.True(Sum(page, "truelive_frame_age_seconds_sum") > 0, page);
        Assert.True(Sum(page, "truelive_sessions", "state=\"live\"") >= 1, page);
        Assert.True(Sum(page, "truelive_capacity_used") > 0, page);
        Assert.Contains("purpose=\"websocket pictures\"", page, StringComparison.Ordinal);
        foreach (var name in new[] { "truelive_link_frames_lost", "truelive_link_datagrams_unsent", "truelive_link_connections_refused",
            "truelive_http_connections", "truelive_keys_wrong", "truelive_pictures_over_budget" })
            Assert.Contains($"# TYPE {name}", page, StringComparison.Ordinal);
    }

    // Samples look like name_unit_total{label="value",...} 12 1700000000000.
    private static double Sum(string page, string name, string label = "") => page.Split('\n')
        .Select(line => Sample().Match(line))
        .Where(m => m.Success && m.Groups["name"].Value.StartsWith(name, StringComparison.Ordinal)
            && m.Groups["labels"].Value.Contains(label, StringComparison.Ordinal))
        .Sum(m => double.Parse(m.Groups["value"].Value, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"^(?<name>[a-z_]+)\{(?<labels>.*)\} (?<value>[^ ]+)")]
    private static partial Regex Sample();
}
