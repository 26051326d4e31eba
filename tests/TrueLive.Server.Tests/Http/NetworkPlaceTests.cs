using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TrueLive.Server.Live.Transports;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Whip;

namespace TrueLive.Server.Tests.Http;

/// <summary>
/// A server's place in its network: below a path of a proxy, and under a name; and the product's own client with other servers.
/// </summary>
public sealed class NetworkPlaceTests
{
    private const string Key = "network-place-key-0123456789";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, "")]
    [InlineData(false, "/studio")]
    [InlineData(true, "")]
    [InlineData(true, "/studio")]
    public async Task Below_a_path_of_a_proxy_every_address_that_is_handed_out_leads_back_whether_the_proxy_strips_the_path_or_not(
        bool keys, string sent)
    {
        await using var server = await RunningServer.StartAsync(o => (o.PathPrefix, o.ApiKeys) = ("/studio", keys ? [Key] : []));
        server.Http.DefaultRequestHeaders.Add("Authorization", $"Bearer {Key}");
        string Through(string path) => path.StartsWith("/studio/", StringComparison.Ordinal)
            ? sent + path["/studio".Length..]
            : throw new InvalidOperationException($"'{path}' leads past the proxy.");

        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync($"{sent}/viewer.html", Cancel)).StatusCode);
        var created = await server.Http.PostAsJsonAsync($"{sent}/v1/sessions", new { prompt = "ink" }, Cancel);
        var made = (await created.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync(Through(created.Headers.Location!.ToString()), Cancel)).StatusCode);
        using (var offer = new StringContent(WhipTests.Offer(), Encoding.UTF8, "application/sdp"))
        {
            var answer = await server.Http.PostAsync(Through((string)made["whip"]!), offer, Cancel);
            Assert.Equal(HttpStatusCode.OK,
                (await server.Http.DeleteAsync(Through(answer.Headers.Location!.ToString()), Cancel)).StatusCode);
        }
        server.Http.DefaultRequestHeaders.Remove("Authorization");
        using var watching = new StringContent(WhipTests.Offer(), Encoding.UTF8, "application/sdp");
        var viewer = await server.Http.PostAsync(Through((string)made["whep"]!), watching, Cancel);
        Assert.Equal(HttpStatusCode.Created, viewer.StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.DeleteAsync(Through(viewer.Headers.Location!.ToString()), Cancel)).StatusCode);
    }

    [Fact]
    public async Task Names_in_the_announced_addresses_are_looked_up_and_one_that_is_unknown_costs_nothing_but_itself()
    {
        await using var server = await RunningServer.StartAsync(o =>
            (o.MaxSessions, o.WebrtcAddresses) = (2, ["198.51.100.7", "no-such-host.invalid", "localhost", "2001:db8::9"]));
        await NativeClient.UntilAsync(() => server.Services.GetRequiredService<WebRtcPort>().Endpoint!.Announced.Count > 2);
        using var offer = new StringContent(WhipTests.Offer(), Encoding.UTF8, "application/sdp");
        var answer = await (await server.Http.PostAsync("/whip", offer, Cancel)).Content.ReadAsStringAsync(Cancel);
        string[] addresses = [.. answer.Split("\r\n").Where(l => l.StartsWith("a=candidate:", StringComparison.Ordinal))
            .Select(l => l.Split(' ')[4]).Distinct()];
        Assert.Equal("198.51.100.7", addresses[0]);
        Assert.Contains("2001:db8::9", addresses);
        Assert.Contains(addresses, a => IPAddress.IsLoopback(IPAddress.Parse(a)));
        Assert.DoesNotContain("invalid", answer, StringComparison.Ordinal);
        // A client can connect through the name.
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"));
        await client.PicturesAsync(3);
    }

    [Theory]
    [InlineData(307, "another origin")]
    [InlineData(308, "another origin")]
    [InlineData(301, "301")]
    [InlineData(302, "302")]
    public async Task Our_client_goes_to_no_other_origin_and_makes_no_other_request_than_it_was_asked_for(int status, string words)
    {
        await using var server = await RunningServer.StartAsync();
        await using var balancer = await OtherServer.StartAsync(http =>
        {
            http.Response.StatusCode = status;
            http.Response.Headers.Location = new Uri(server.Address, "/whip?prompt=ink").ToString();
            return Task.CompletedTask;
        });
        Assert.Contains(words, (await Assert.ThrowsAsync<WhipException>(() => NativeClient.ConnectAsync(balancer.Address))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_only_takes_video_is_told_of_at_once_and_its_connection_ended()
    {
        using var endpoint = new RtcEndpoint(new RtcEndpointOptions(), TimeProvider.System);
        var deleted = 0;
        await using var ingest = await OtherServer.StartAsync(async http =>
        {
            if (HttpMethods.IsDelete(http.Request.Method))
            {
                deleted++;
                return;
            }
            using var body = new StreamReader(http.Request.Body);
            var peer = endpoint.Answer(await body.ReadToEndAsync(Cancel), new MediaPreferences { SendVideo = false });
            (http.Response.StatusCode, http.Response.ContentType, http.Response.Headers.Location) = (201, "application/sdp", "/resource");
            await http.Response.WriteAsync(peer.LocalDescription, Cancel);
        });
        var refused = await Assert.ThrowsAsync<WhipException>(() => NativeClient.ConnectAsync(ingest.Address));
        Assert.Contains("only takes video", refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, deleted);
    }

    /// <summary>A web server with the answers that a test gives it.</summary>
    private sealed class OtherServer(WebApplication app) : IAsyncDisposable
    {
        public Uri Address => new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

        public static async Task<OtherServer> StartAsync(RequestDelegate answer)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            var app = builder.Build();
            app.Run(answer);
            await app.StartAsync(Cancel);
            return new OtherServer(app);
        }

        public async ValueTask DisposeAsync() => await app.DisposeAsync();
    }
}
