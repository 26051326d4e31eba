using System.Diagnostics;
using System.Net;
using TrueLive.Core.Frames;
using TrueLive.Probe;
using TrueLive.Probe.Targets;

namespace TrueLive.Interop.Tests;

/// <summary>A server below a path of nginx, set up as docs/whip.md says.</summary>
public sealed class ProxyTests(ProxyTests.Proxied proxied) : IClassFixture<ProxyTests.Proxied>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public Task Another_stack_gets_the_made_picture_and_changes_the_prompt() =>
        ForeignClient.ProveAsync("werift_client.mjs", "H264", proxied.Address);

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/whip")]
    public async Task The_probe_reaches_pictures_and_prompts(string written)
    {
        await using var target = new WhipTarget(new Uri(proxied.Address + written), true, null, TimeProvider.System);
        await target.ConnectAsync(new StimulusFormat(256, 144), Cancel);
        Assert.True(target.TakesPrompts);
        await target.PromptAsync("noir", Cancel);
        var pool = new FramePool("sent", 4);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var sending = Task.Run(async () =>
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(33), TimeProvider.System);
            for (var i = 0L; !done.IsCancellationRequested; i++)
            {
                using var frame = pool.Rent(256, 144);
                frame.Ticket = new FrameTicket(i, TimeSpan.FromMilliseconds(33 * i), 0, (uint)(2970 * i));
                await target.SendAsync(frame, Cancel);
                await timer.WaitForNextTickAsync(Cancel);
            }
        }, Cancel);
        var seen = await target.ReceiveAsync(Cancel);
        await done.CancelAsync();
        await sending;
        Assert.NotNull(seen);
        seen.Value.Frame.Dispose();
    }

    [Fact]
    public async Task The_page_and_what_it_loads_come_through()
    {
        using var http = new HttpClient();
        var page = await http.GetStringAsync(proxied.Address + "/", Cancel);
        foreach (var name in new[] { "app.js", "page.css" })
        {
            Assert.Contains(name, page, StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync($"{proxied.Address}/{name}", Cancel)).StatusCode);
        }
    }

    public sealed class Proxied : IAsyncLifetime
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("truelive-proxy-").FullName;
        private ServerProcess? _server;
        private Process? _nginx;

        public string Address { get; private set; } = "";

        public async ValueTask InitializeAsync()
        {
            _server = await ServerProcess.StartAsync("--max-sessions", "8", "--path-prefix", "/truelive");
            var port = FreePort.Next();
            // The exact configuration that users are told to write.
            var told = (await File.ReadAllTextAsync(Path.Combine(ForeignClient.Folder, "..", "..", "docs", "whip.md"), Cancel))
                .Split("```nginx")[1].Split("```")[0];
            await File.WriteAllTextAsync(Path.Combine(_folder, "nginx.conf"), $$"""
                daemon off; pid {{_folder}}/pid; error_log {{_folder}}/error.log;
                events {}
                http {
                  access_log off; client_body_temp_path {{_folder}}/b; proxy_temp_path {{_folder}}/p; fastcgi_temp_path {{_folder}}/f; uwsgi_temp_path {{_folder}}/u; scgi_temp_path {{_folder}}/s;
                  server { listen 127.0.0.1:{{port}}; {{told.Replace("http://127.0.0.1:8080", _server.Address, StringComparison.Ordinal)}} }
                }
                """, Cancel);
            // Debian installs it in a folder that is only in root's PATH.
            var program = new[] { "/usr/sbin/nginx", "/usr/bin/nginx" }.FirstOrDefault(File.Exists) ?? "nginx";
            _nginx = Process.Start(program, ["-e", Path.Combine(_folder, "error.log"), "-p", _folder, "-c",
                Path.Combine(_folder, "nginx.conf")]);
            Address = $"http://127.0.0.1:{port}/truelive";
            using var http = new HttpClient();
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            while (true)
            {
                try
                {
                    if ((await http.GetAsync(Address + "/readyz", Cancel)).IsSuccessStatusCode)
                        return;
                }
                catch (HttpRequestException)
                {
                    if (_nginx.HasExited)
                        throw new InvalidOperationException(await File.ReadAllTextAsync(Path.Combine(_folder, "error.log"), Cancel));
                }
                await timer.WaitForNextTickAsync(Cancel);
            }
        }

        public async ValueTask DisposeAsync()
        {
            _nginx?.Kill(entireProcessTree: true);
            _nginx?.Dispose();
            if (_server is not null)
                await _server.DisposeAsync();
            Directory.Delete(_folder, true);
        }
    }
}
