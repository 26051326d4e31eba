using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TrueLive.Fleet.Tests;

/// <summary>The waiting line at the front door of a fleet, over HTTP.</summary>
public sealed class FleetLineTests
{
    private const int Length = 50;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Of_64_who_come_at_once_those_who_wait_get_in_one_after_the_other_and_each_once()
    {
        await using var fleet = new TestFleet();
        await fleet.StartControlAsync(o => (o.Queue, o.QueuePerClient) = (Length, Length));
        await fleet.StartWorkerAsync("gpu-1");
        await fleet.StartWorkerAsync("gpu-2");
        await TestFleet.UntilAsync(async () => (await fleet.ViewAsync())["free"]!["passthrough"] is { } free && (int)free == 6);

        // The directory has heard every worker by then.
        using (await fleet.Http.GetAsync("/v1/sessions/none", Cancel)) { }
        var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => AskAsync(fleet, null)));
        var sessions = answers.Where(a => a["id"] is not null).Select(a => (string)a["id"]!).ToList();
        Assert.Equal(6, sessions.Count);
        var refused = answers.Where(a => a["id"] is null).ToList();
        Assert.All(refused, a => Assert.Equal(("urn:truelive:problem:full", 6, 6),
            ((string?)a["type"], (int)a["capacity"]!, (int)a["running"]!)));
        var lines = refused.Select(a => a["line"]).OfType<JsonNode>().OrderBy(l => (int)l["position"]!).ToList();
        // As many wait as may, and no two of them at one position.
        Assert.Equal(Enumerable.Range(1, Length), lines.Select(l => (int)l["position"]!));
        Assert.Equal(58 - Length, refused.Count(a => ((string)a["detail"]!).Contains("line is full, too", StringComparison.Ordinal)));
        Assert.Equal(Length, (int)(await fleet.ViewAsync())["waiting"]!);

        var tickets = lines.Select(l => (string)l["ticket"]!).ToList();
        for (var i = 0; i < 4; i++)
        {
            // A ticket holds for a minute.
            foreach (var ticket in tickets.Take(9))
                Assert.Equal(ticket, (string?)(await AskAsync(fleet, ticket))["line"]!["ticket"]);
            using (await fleet.Http.DeleteAsync($"/v1/sessions/{sessions[i]}", Cancel)) { }
            await TestFleet.UntilAsync(async () => (await fleet.ViewAsync())["sessions"]!.AsArray().Count == 5);
            // The second in line goes away; of the others and one who has only just come, the first gets the place.
            using (var left = await fleet.Http.DeleteAsync($"/v1/line/{tickets[1]}", Cancel))
                Assert.Equal(HttpStatusCode.NoContent, left.StatusCode);
            tickets.RemoveAt(1);
            var turn = await Task.WhenAll(tickets.Take(8).Append(null).Select(t => AskAsync(fleet, t)));
            Assert.NotNull(turn[0]["id"]);
            Assert.All(turn.Skip(1), a => Assert.Null(a["id"]));
            tickets.RemoveAt(0);
        }
    }

    private static async Task<JsonNode> AskAsync(TestFleet fleet, string? ticket)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/sessions") { Content = JsonContent.Create(new { }) };
        request.Headers.Add("X-TrueLive-Line", ticket);
        using var answer = await fleet.Http.SendAsync(request, Cancel);
        return (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;
    }
}
