using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Server.Access;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Fleet.Tests;

/// <summary>Keys at the front door: whose session it is, who watches, who operates.</summary>
[Trait("Run", "long")]
public sealed class FleetKeyTests : IAsyncLifetime
{
    private const string Key = "the operator's key of this test";

    private readonly TestFleet _fleet = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _fleet.StartControlAsync(o => o.ApiKeys = [Key], Key);
        // A worker over TLS, by a certificate that nobody signed: the front door takes it by what the link says of it.
        await _fleet.StartWorkerAsync("gpu-1", o => o.TlsSelfMade = true);
        await TestFleet.UntilAsync(async () => await _fleet.StateAsync("gpu-1") == "ready");
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Each_key_opens_its_own_sessions_a_link_opens_watching_and_only_operators_see_the_fleet()
    {
        var other = ApiKeyFile.Create(Path.Combine(_fleet.ControlFolder, "api-keys.json"), "other", KeyScopes.Publish,
            TimeProvider.System.GetUtcNow(), null);
        await using var client = await NativeClient.ConnectAsync(new Uri(_fleet.Door, "/whip"), key: Key);
        await client.PicturesAsync(3);
        var id = client.Whip.Resource!.Segments[2].TrimEnd('/');
        using var stranger = new HttpClient { BaseAddress = _fleet.Door };
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.GetAsync($"/v1/sessions/{id}", Cancel)).StatusCode);
        using var publisher = new HttpClient { BaseAddress = _fleet.Door };
        publisher.DefaultRequestHeaders.Authorization = new("Bearer", other);
        await TestFleet.UntilAsync(async () => (await publisher.GetAsync("/v1/sessions", Cancel)).StatusCode == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.NotFound, (await publisher.GetAsync($"/v1/sessions/{id}", Cancel)).StatusCode);
        Assert.Empty((await publisher.GetFromJsonAsync<JsonNode>("/v1/sessions", Cancel))!["sessions"]!.AsArray());
        Assert.Equal(HttpStatusCode.Forbidden, (await publisher.GetAsync("/v1/fleet", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await publisher.PostAsync("/v1/fleet/workers/gpu-1/drain", null, Cancel)).StatusCode);

        var link = (string)(await _fleet.Http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{id}", Cancel))!["whep"]!;
        await using var viewer = await NativeClient.ConnectAsync(new Uri(_fleet.Door, link), sends: false);
        await viewer.PicturesAsync(3);
        using var forged = await stranger.GetAsync(link.Replace("token=", "token=1", StringComparison.Ordinal), Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, forged.StatusCode);
    }
}
