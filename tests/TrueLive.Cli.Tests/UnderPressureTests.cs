using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace TrueLive.Cli.Tests;

/// <summary>One server that runs out of one resource after another and gets it back.</summary>
public sealed class UnderPressureTests(PressuredServer server) : IClassFixture<PressuredServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Run", "long")]
    public async Task A_database_that_goes_and_comes_back_costs_words_and_no_clip()
    {
        var job = await ClipAsync(await UploadAsync());
        await StateAsync(job, j => (string)j["state"]! != "queued");
        await server.Postgres.StopAsync();
        var words = await server.ReadyAsync("database");
        Assert.Contains("database of the clip queue does not answer", words, StringComparison.Ordinal);
        using (var refused = await server.Http.GetAsync($"/v1/clips/{job}", Cancel))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Equal("10", Assert.Single(refused.Headers.GetValues("Retry-After")));
            Assert.Contains("does not answer", await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }
        // Long enough that the worker has seen it as well.
        await UntilAsync(() => server.Log.Any(l => l.Contains("queue_unreachable", StringComparison.Ordinal)));
        await server.Postgres.StartAsync();
        await server.ReadyAsync(null);
        var done = await StateAsync(job, j => (string)j["state"]! is not ("queued" or "running"));
        Assert.True((string)done["state"]! == "done", done.ToJsonString());
        AssertPaced();
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Without_ffmpeg_uploads_are_refused_in_words_and_clips_wait_until_it_is_back()
    {
        var upload = await UploadAsync();
        var (there, away) = (Path.Combine(server.Bin, "ffmpeg"), Path.Combine(server.Bin, "..", "ffmpeg"));
        var (probe, probeAway) = (Path.Combine(server.Bin, "ffprobe"), Path.Combine(server.Bin, "..", "ffprobe"));
        File.Move(there, away);
        File.Move(probe, probeAway);
        Assert.Contains("apt-get install ffmpeg", await server.ReadyAsync("ffmpeg"), StringComparison.Ordinal);
        using (var refused = await SendAsync())
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Contains("apt-get install ffmpeg", await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }
        var job = await ClipAsync(upload);
        Assert.Contains("ffmpeg", (string)(await StateAsync(job, j => j["note"] is not null))["note"]!, StringComparison.Ordinal);
        File.Move(probeAway, probe);
        File.Move(away, there);
        await server.ReadyAsync(null);
        var done = await StateAsync(job, j => (string)j["state"]! is not ("queued" or "running"));
        Assert.True((string)done["state"]! == "done", done.ToJsonString());
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task More_connections_than_files_are_turned_away_and_what_runs_goes_on()
    {
        var job = await ClipAsync(await UploadAsync());
        var strangers = new List<TcpClient>();
        for (var i = 0; i < 2 * PressuredServer.Files; i++)
        {
            var stranger = new TcpClient();
            strangers.Add(stranger);
            await stranger.ConnectAsync(IPAddress.Loopback, server.Http.BaseAddress!.Port, Cancel);
        }
        // The server closes the last one, so that it cannot take file handles from other clients.
        Assert.Equal(0, await strangers[^1].GetStream().ReadAsync(new byte[1], Cancel));
        foreach (var stranger in strangers)
            stranger.Dispose();
        await server.ReadyAsync(null);
        var done = await StateAsync(job, j => (string)j["state"]! is not ("queued" or "running"));
        Assert.True((string)done["state"]! == "done", done.ToJsonString());
        AssertPaced();
    }

    // Log entries with the same event and cause are a minute apart, whatever they refer to. One is written a little after its turn came.
    private void AssertPaced()
    {
        var loud = server.Log.Where(l => l.StartsWith('{')).Select(l => JsonNode.Parse(l)!).Where(l => (string)l["level"]! != "info")
            .ToArray();
        Assert.All(loud, l => Assert.DoesNotContain("(null)", (string)l["message"]!, StringComparison.Ordinal));
        foreach (var cause in loud.GroupBy(l => $"{l["event"]} {l["fields"]?["why"]}"))
        {
            var times = cause.Select(l => DateTimeOffset.Parse((string)l["time"]!, System.Globalization.CultureInfo.InvariantCulture))
                .ToArray();
            Assert.All(times.Zip(times.Skip(1)), pair => Assert.True(pair.Second - pair.First >= TimeSpan.FromSeconds(45), cause.Key));
        }
    }

    private async Task<HttpResponseMessage> SendAsync() =>
        await server.Http.PostAsync("/v1/uploads", new StreamContent(File.OpenRead(server.Film)), Cancel);

    private async Task<string> UploadAsync()
    {
        using var sent = await SendAsync();
        return (string)JsonNode.Parse(await sent.Content.ReadAsStringAsync(Cancel))!["id"]!;
    }

    private async Task<string> ClipAsync(string upload)
    {
        using var made = await server.Http.PostAsJsonAsync("/v1/clips", new { upload }, Cancel);
        return (string)JsonNode.Parse(await made.Content.ReadAsStringAsync(Cancel))!["id"]!;
    }

    private async Task<JsonNode> StateAsync(string job, Func<JsonNode, bool> fits)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        while (true)
        {
            using var answer = await server.Http.GetAsync($"/v1/clips/{job}", Cancel);
            if (answer.IsSuccessStatusCode && JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancel)) is { } now && fits(now))
                return now;
            await timer.WaitForNextTickAsync(Cancel);
        }
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        while (!holds())
            await timer.WaitForNextTickAsync(Cancel);
    }
}
