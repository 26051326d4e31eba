using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrueLive.Server.Access;
using TrueLive.Server.Usage;

namespace TrueLive.Fleet.Tests;

/// <summary>A key whose minutes were used up before the front door began.</summary>
public sealed class UsedUpKeyTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_front_door_begins_all_the_same_and_no_spelling_of_an_address_goes_round_the_quota()
    {
        await using var fleet = new TestFleet();
        var folder = Path.Combine(fleet.ControlFolder, "usage");
        Directory.CreateDirectory(folder);
        // Tomorrow as well: the test may run at the end of a month.
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        foreach (var day in new[] { today, today.AddDays(1) })
        {
            var row = new UsageRow(day, "run", ApiKeyRing.Nobody, "", UsageKind.Live, "ink", 1, 61, 1, 1);
            await File.WriteAllBytesAsync(Path.Combine(folder, $"{day:yyyy-MM-dd}.run.json"),
                JsonSerializer.SerializeToUtf8Bytes(new UsageFile(UsageFile.Current, [row]), UsageJson.Default.UsageFile), Cancel);
        }
        await fleet.StartControlAsync(o => o.KeyMinutes = 1);
        await TestFleet.UntilAsync(async () => await PostAsync("/v1/sessions") == HttpStatusCode.TooManyRequests);
        string[] posts = ["/whip", "/whip/", "/WHIP", "/v1/sessions/", "/v1/Sessions", "/v1/clips", "/v1/clips/", "/v1/CLIPS",
            "/v1/streams", "/v1/streams/", "/v1/Streams"];
        foreach (var path in posts)
            Assert.Equal((path, HttpStatusCode.TooManyRequests), (path, await PostAsync(path)));
        foreach (var path in new[] { "/v1/live", "/v1/live/", "/v1/LIVE" })
        {
            using var live = await fleet.Http.GetAsync(path, Cancel);
            Assert.Equal((path, HttpStatusCode.TooManyRequests), (path, live.StatusCode));
        }
        // What begins nothing is not refused for that.
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await PostAsync("/v1/uploads"));
        Assert.Empty((await fleet.Http.GetFromJsonAsync<JsonNode>("/v1/Sessions/", Cancel))!["sessions"]!.AsArray());

        async Task<HttpStatusCode> PostAsync(string path)
        {
            using var answer = await fleet.Http.PostAsJsonAsync(path, new { }, Cancel);
            return answer.StatusCode;
        }
    }
}
