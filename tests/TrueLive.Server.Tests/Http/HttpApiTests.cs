using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using TrueLive.Media.Native;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Tests.Http;

public sealed class HttpApiTests
{
    private const string Key = "a-key-of-enough-characters";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_session_is_made_changed_listed_and_ended()
    {
        await using var server = await RunningServer.StartAsync();
        var made = await server.Http.PostAsJsonAsync("/v1/sessions", new { size = "384x216", prompt = "ink", unknown_field = 1 }, Cancel);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var session = await Json(made);
        Assert.Equal(("384x216", "live", "ink"), (Text(session, "size"), Text(session, "tier"), Text(session["prompt"]!, "text")));
        Assert.NotEmpty(Text(session, "token"));

        var changed = await server.Http.PatchAsJsonAsync(made.Headers.Location,
            new { id = "c1", prompt = "oil", transition_ms = 0 }, Cancel);
        Assert.Equal(HttpStatusCode.Accepted, changed.StatusCode);
        Assert.Equal(2, (int)(await Json(changed))["prompt"]!["revision"]!);

        var list = await server.Http.GetFromJsonAsync<JsonNode>("/v1/sessions", Cancel);
        Assert.Equal("oil", Text(Assert.Single(list!["sessions"]!.AsArray())!["prompt"]!, "text"));
        Assert.Null(list["sessions"]![0]!["token"]);

        Assert.Equal(HttpStatusCode.OK, (await server.Http.DeleteAsync(made.Headers.Location, Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync(made.Headers.Location, Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_full_server_answers_503_with_figures_and_leaves_the_others_alone()
    {
        await using var server = await RunningServer.StartAsync(o => o.MaxSessions = 1);
        var first = await server.Http.PostAsync("/v1/sessions", null, Cancel);
        var second = await server.Http.PostAsync("/v1/sessions", null, Cancel);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, second.StatusCode);
        Assert.True(second.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        Assert.Equal("application/problem+json", second.Content.Headers.ContentType!.MediaType);
        var problem = await Json(second);
        Assert.Equal((1, 1), ((int)problem["capacity"]!, (int)problem["running"]!));
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync(first.Headers.Location, Cancel)).StatusCode);
    }

    [Fact]
    public void Without_a_codec_the_server_does_not_start_and_names_the_package()
    {
        TrueLiveServer.RequireCodecs([]);
        var missing = NativeLibraries.Missing(name => !name.StartsWith("libvpx", StringComparison.Ordinal));
        var refused = Assert.Throws<ConfigurationException>(() => TrueLiveServer.RequireCodecs(missing));
        Assert.Contains("apt-get install libvpx7", Assert.Single(refused.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"size\":", 400)]
    [InlineData("{\"size\":\"huge\"}", 400)]
    [InlineData("{\"strength\":\"very\"}", 400)]
    [InlineData("{\"prompt\":\"x\",\"strength\":9}", 400)]
    public async Task A_bad_body_is_a_problem_with_a_detail(string body, int status)
    {
        await using var server = await RunningServer.StartAsync();
        var answer = await server.Http.PostAsync("/v1/sessions", new StringContent(body, Encoding.UTF8, "application/json"), Cancel);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.NotEmpty(Text(await Json(answer), "detail"));
    }

    [Fact]
    public async Task Health_readiness_metrics_and_the_description_of_the_api_are_served()
    {
        await using var server = await RunningServer.StartAsync();
        Assert.Equal("ok\n", await server.Http.GetStringAsync("/healthz", Cancel));
        while ((await server.Http.GetAsync("/readyz", Cancel)).StatusCode != HttpStatusCode.OK)
            await Task.Yield();
        Assert.Contains("truelive_capacity_sessions", await server.Http.GetStringAsync("/metrics", Cancel), StringComparison.Ordinal);
        var api = await server.Http.GetFromJsonAsync<JsonNode>("/openapi/v1.json", Cancel);
        Assert.NotNull(api!["paths"]!["/v1/sessions/{id}"]!["patch"]);
        var can = await server.Http.GetFromJsonAsync<JsonNode>("/v1/capabilities", Cancel);
        Assert.Equal("live", Text(can!, "tier"));
        Assert.True((int)can!["capacity"]![0]!["frames_measured"]! > 0);
        Assert.Contains("<title>TrueLive", await server.Http.GetStringAsync("/", Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_keys_only_their_holders_come_in_but_the_page_and_health_are_open()
    {
        await using var server = await RunningServer.StartAsync(o => o.ApiKeys = [Key]);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/healthz", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/", Cancel)).StatusCode);
        foreach (var path in new[] { "/v1/sessions", "/v1/capabilities", "/metrics", "/openapi/v1.json", "/V1/sessions" })
            Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.GetAsync(path, Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Get(server, "Authorization", "Bearer wrong")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Get(server, "Authorization", $"Bearer {Key}")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Get(server, "X-Api-Key", Key)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.GetAsync($"/v1/sessions?key={Key}", Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_viewers_address_opens_watching_and_nothing_else()
    {
        await using var server = await RunningServer.StartAsync(o => o.ApiKeys = [Key]);
        using var make = new HttpRequestMessage(HttpMethod.Post, "/v1/sessions")
        { Content = new StringContent("{}", System.Text.Encoding.UTF8, "application/json") };
        make.Headers.TryAddWithoutValidation("Authorization", $"Bearer {Key}");
        var session = await Json(await server.Http.SendAsync(make, Cancel));
        var (id, whep) = (Text(session, "id"), Text(session, "whep"));
        Assert.Equal("passthrough", Text(await Json(await server.Http.GetAsync(whep, Cancel)), "model"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.GetAsync($"/whep/{id}", Cancel)).StatusCode);
        var token = whep[whep.IndexOf('?')..];
        // A viewer with the token can also leave.
        await using (var viewer = await NativeClient.ConnectAsync(new Uri(server.Address, whep), sends: false))
            Assert.Equal(HttpStatusCode.OK, (await server.Http.DeleteAsync(viewer.Whip.Resource, Cancel)).StatusCode);
        foreach (var path in new[] { $"/v1/sessions/{id}", $"/whip/{id}", "/v1/sessions", $"/whep/{id}x" })
        {
            foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post, HttpMethod.Patch, HttpMethod.Delete })
            {
                using var request = new HttpRequestMessage(method, path + token);
                Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.SendAsync(request, Cancel)).StatusCode);
            }
        }
    }

    [Fact]
    public async Task A_session_is_seen_steered_recorded_replayed_and_ended_with_its_own_key_only()
    {
        const string Other = "another-key-0123456789";
        await using var server = await RunningServer.StartAsync(o => o.ApiKeys = [Key, Other]);
        async Task<HttpResponseMessage> Ask(string key, HttpMethod method, string path, string? body = null)
        {
            using var request = new HttpRequestMessage(method, path)
            { Content = body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json") };
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
            return await server.Http.SendAsync(request, Cancel);
        }

        var id = Text(await Json(await Ask(Key, HttpMethod.Post, "/v1/sessions", "{}")), "id");
        (HttpMethod Method, string Path, string? Body)[] wanted =
        [
            (HttpMethod.Get, $"/v1/sessions/{id}", null), (HttpMethod.Patch, $"/v1/sessions/{id}", """{"prompt":"ink"}"""),
            (HttpMethod.Post, $"/v1/sessions/{id}/journal", null),
            (HttpMethod.Delete, $"/v1/sessions/{id}/journal", null), (HttpMethod.Post, "/v1/interactive", $$"""{"session":"{{id}}"}"""),
            (HttpMethod.Post, $"/whip/{id}", null),
            (HttpMethod.Patch, $"/whip/{id}/0", null), (HttpMethod.Delete, $"/whip/{id}/0", null),
            (HttpMethod.Delete, $"/v1/sessions/{id}", null),
        ];
        foreach (var (method, path, body) in wanted)
            Assert.Equal((path, HttpStatusCode.NotFound), (path, (await Ask(Other, method, path, body)).StatusCode));
        Assert.Empty((await Json(await Ask(Other, HttpMethod.Get, "/v1/sessions")))["sessions"]!.AsArray());
        Assert.Single((await Json(await Ask(Key, HttpMethod.Get, "/v1/sessions")))["sessions"]!.AsArray());
        Assert.Equal(HttpStatusCode.OK, (await Ask(Key, HttpMethod.Delete, $"/v1/sessions/{id}")).StatusCode);
    }

    [Fact]
    public async Task Without_keys_pages_from_elsewhere_cannot_reach_in_through_the_browser()
    {
        await using var server = await RunningServer.StartAsync();
        Assert.Equal(HttpStatusCode.Forbidden, (await Get(server, "Origin", "https://example.org")).StatusCode);
        Assert.Equal(HttpStatusCode.MisdirectedRequest, (await Get(server, "Host", "example.org")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Get(server, "Origin", server.Address.ToString().TrimEnd('/'))).StatusCode);
    }

    [Theory]
    [InlineData("http://10.0.0.5:9200/_all")]
    [InlineData("http://169.254.169.254/latest/whip")]
    [InlineData("http://localhost:5432/")]
    [InlineData("https://elsewhere.org/whip")]
    public async Task With_keys_the_probe_goes_only_to_hosts_that_the_operator_named(string target)
    {
        await using var server = await RunningServer.StartAsync(o => (o.ApiKeys, o.ProbeHosts) = ([Key], ["*.example.org"]));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/probes") { Content = JsonContent.Create(new { target }) };
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {Key}");
        var answer = await server.Http.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains("probe_hosts", Text(await Json(answer), "detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_makes_a_certificate_and_keeps_it()
    {
        var folder = Directory.CreateTempSubdirectory("truelive-tls").FullName;
        var prints = new List<string>();
        for (var i = 0; i < 2; i++)
        {
            await using var server = await RunningServer.StartAsync(o => (o.TlsSelfMade, o.DataFolder) = (true, folder));
            Assert.Equal("https", server.Address.Scheme);
            Assert.Equal("ok\n", await server.Http.GetStringAsync("/healthz", Cancel));
            prints.Add(Convert.ToHexString(await File.ReadAllBytesAsync(Path.Combine(folder, "tls-self-made.pfx"), Cancel)));
        }
        Assert.Single(prints.Distinct());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(folder, "tls-self-made.pfx")));
        Directory.Delete(folder, recursive: true);
    }

    private static async Task<HttpResponseMessage> Get(RunningServer server, string header, string value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/sessions");
        request.Headers.TryAddWithoutValidation(header, value);
        return await server.Http.SendAsync(request, Cancel);
    }

    private static async Task<JsonNode> Json(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;

    private static string Text(JsonNode node, string name) => (string)node[name]!;
}
