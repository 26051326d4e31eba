using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Access;
using TrueLive.Server.Clips;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;
using TrueLive.WebRtc.Transport;

namespace TrueLive.Server.Tests.Clips;

public sealed class OutboundTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private const string Secret = "a-secret-of-enough-characters";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Run", "long")]
    public async Task A_webhook_is_signed_and_tried_again_until_it_is_taken()
    {
        var heard = new TaskCompletionSource<(string Body, string Timestamp, string Signature)>(
            TaskCreationOptions.RunContinuationsAsynchronously);
        var calls = 0;
        await using var receiver = await ReceiverAsync(async http =>
        {
            using var reader = new StreamReader(http.Request.Body);
            var body = await reader.ReadToEndAsync(Cancel);
            http.Response.StatusCode = ++calls == 1 ? 500 : 204;
            if (calls == 2)
                heard.TrySetResult((body, http.Request.Headers["X-TrueLive-Timestamp"]!, http.Request.Headers["X-TrueLive-Signature"]!));
        });
        await using var server = await ClipServer.StartAsync(files, o => (o.WebhookHosts, o.WebhookSecret) = (["127.0.0.1"], Secret));
        var upload = await server.UploadAsync(await server.FilmAsync("hook.mp4", 0.2));
        var job = await server.ClipAsync(new { upload, webhook = Of(receiver) + "done" });
        var (text, timestamp, signature) = await heard.Task.WaitAsync(Cancel);
        Assert.Equal(signature, ClipWebhooks.Sign(Secret, long.Parse(timestamp, System.Globalization.CultureInfo.InvariantCulture),
            Encoding.UTF8.GetBytes(text)));
        var told = JsonNode.Parse(text)!;
        Assert.Equal(((string)job["id"]!, "done", "clip"), ((string)told["id"]!, (string)told["state"]!, (string)told["tier"]!));
    }

    [Fact]
    public async Task A_webhook_is_told_though_many_others_wait_and_one_host_never_answers()
    {
        var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var slow = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var receiver = await ReceiverAsync(async http =>
        {
            if (http.Request.Path == "/slow")
                await slow.Task.WaitAsync(http.RequestAborted);
            else
                heard.TrySetResult();
        });
        await using var server = await ClipServer.StartAsync(files,
            o => (o.WebhookHosts, o.WebhookSecret, o.ClipOpen) = (["127.0.0.1"], Secret, 60));
        var hooks = server.Services.GetRequiredService<ClipWebhooks>();
        var queue = await server.Services.GetRequiredService<ClipQueueHost>().QueueAsync(Cancel);
        async Task EndedAsync(string path)
        {
            var id = TrueLive.Clips.ClipQueue.NewId();
            hooks.Expect(id, Of(receiver) + path);
            await queue.EnqueueAsync(id, "", new("gone", "", "passthrough", 0, 0, "mp4", 1, null), Cancel);
            await queue.CancelAsync(id, Cancel);
        }
        // Not due for a long while, since their jobs do not exist yet.
        for (var i = 0; i < 40; i++)
            hooks.Expect(TrueLive.Clips.ClipQueue.NewId(), Of(receiver) + "never");
        await EndedAsync("slow");
        await EndedAsync("done");
        await heard.Task.WaitAsync(Cancel);
        slow.SetResult();
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_webhook_with_a_newline_in_it_is_told_like_any_other_and_a_damaged_record_is_not_kept()
    {
        var heard = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var receiver = await ReceiverAsync(http =>
        {
            heard.TrySetResult(http.Request.Path);
            return Task.CompletedTask;
        });
        await using var server = await ClipServer.StartAsync(files, o => (o.WebhookHosts, o.WebhookSecret) = (["127.0.0.1"], Secret));
        var folder = server.Services.GetRequiredService<ClipFolders>().Webhooks;
        server.Services.GetRequiredService<ClipWebhooks>().Expect(TrueLive.Clips.ClipQueue.NewId(), "http://127.0.0.1/\n1\n2\n3");
        var upload = await server.UploadAsync(await server.FilmAsync("newline.mp4", 0.2));
        await server.ClipAsync(new { upload, webhook = Of(receiver) + "do\nne" });
        Assert.Equal("/do%0Ane", await heard.Task.WaitAsync(Cancel));
        await Http.NativeClient.UntilAsync(() => !Directory.EnumerateFiles(folder).Any());
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_film_is_fetched_from_a_host_that_the_operator_named_and_redirects_are_not_followed()
    {
        await using var server = await ClipServer.StartAsync(files, o => o.ClipUrlHosts = ["127.0.0.1"]);
        var film = await server.FilmAsync("far.mp4", 0.2);
        await using var far = await ReceiverAsync(async http =>
        {
            if (http.Request.Path == "/moved.mp4")
                http.Response.Redirect("/far.mp4");
            else
                await http.Response.SendFileAsync(film, Cancel);
        });
        var done = (await server.FollowAsync(await server.ClipAsync(new { url = Of(far) + "far.mp4" })))[^1].Job;
        Assert.Equal(("done", 3L), ((string)done["state"]!, (long)done["frames_done"]!));
        // A remote name that equals one of the worker's own files does no harm.
        Assert.Equal("done", (string)(await server.FollowAsync(await server.ClipAsync(new { url = Of(far) + "parts" })))[^1].Job["state"]!);
        var failed = (await server.FollowAsync(await server.ClipAsync(new { url = Of(far) + "moved.mp4" })))[^1].Job;
        Assert.Equal("failed", (string)failed["state"]!);
        Assert.Contains("redirects", (string)failed["error"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_private_address_behind_a_wildcard_is_not_called()
    {
        // localtest-style names resolve to this machine; the resolver knows 'localhost' without a network.
        using var hosts = new OutboundHosts(["*.localhost"], "clip_url_hosts");
        Assert.Null(hosts.Refuse("http://inner.localhost:1/", out var uri));
        using var request = new HttpRequestMessage(HttpMethod.Get, uri);
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => hosts.SendAsync(request, Cancel));
        Assert.False(error.InnerException is System.Net.Sockets.SocketException
        { SocketErrorCode: System.Net.Sockets.SocketError.ConnectionRefused }, error.ToString());
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("10.1.2.3", true)]
    [InlineData("172.31.0.1", true)]
    [InlineData("192.168.1.1", true)]
    [InlineData("169.254.169.254", true)]
    [InlineData("100.100.0.1", true)]
    [InlineData("0.0.0.0", true)]
    [InlineData("::1", true)]
    [InlineData("fe80::1", true)]
    [InlineData("fd00::1", true)]
    [InlineData("::ffff:10.0.0.1", true)]
    [InlineData("2002:0a00:0001::1", true)]
    [InlineData("64:ff9b::10.0.0.1", true)]
    [InlineData("93.184.216.34", false)]
    [InlineData("2606:2800:220:1::1", false)]
    public void Addresses_that_only_this_network_can_reach_are_known(string address, bool isPrivate) =>
        Assert.Equal(isPrivate, PrivateAddress.Is(IPAddress.Parse(address)));

    [Theory]
    [InlineData("https://hooks.example.org/x", true)]
    [InlineData("https://example.org/x", false)]
    [InlineData("https://evil-example.org/x", false)]
    [InlineData("https://user:pass@hooks.example.org/x", false)]
    [InlineData("ftp://hooks.example.org/x", false)]
    [InlineData("gopher:evil", false)]
    public void Only_hosts_of_the_list_may_be_named(string address, bool allowed)
    {
        using var hosts = new OutboundHosts(["*.example.org"], "webhook_hosts");
        Assert.Equal(allowed, hosts.Refuse(address, out _) is null);
    }

    [Theory]
    [InlineData(new double[0], 2, 3, false)]
    [InlineData(new[] { 0.6 }, 2, 3, true)]
    [InlineData(new[] { 1.0 }, 64, 3, true)]
    [InlineData(new[] { 0.1, 0.1 }, 16, 3, false)]
    [InlineData(new[] { 0.5, 0.4 }, 16, 3, true)]
    public void Clips_run_beside_live_sessions_only_where_cores_are_left_for_them(double[] shares, int cores, int needed, bool wait) =>
        Assert.Equal(wait, LivePrecedence.MustWait(shares, cores, needed));

    private static async Task<WebApplication> ReceiverAsync(RequestDelegate answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseSetting("urls", "http://127.0.0.1:0");
        var app = builder.Build();
        app.Run(answer);
        await app.StartAsync(Cancel);
        return app;
    }

    private static string Of(WebApplication app) =>
        app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/";
}
