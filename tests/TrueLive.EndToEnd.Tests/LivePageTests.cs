namespace TrueLive.EndToEnd.Tests;

/// <summary>What a person sees on the page, over every transport.</summary>
[Collection(nameof(Browser))]
public sealed class LivePageTests(Browser browser, Studio studio)
{
    public static TheoryData<string> Transports => ["ws", "webrtc"];

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task The_camera_comes_back_unchanged_through_pass_through(string transport)
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server, transport);
        await page.StartAsync("camera", "passthrough", "640x360");
        await page.PicturesAsync(30);
        var (input, output) = await page.LooksAsync();
        Assert.True(input.Contrast > 3, "the camera shows footage");
        Assert.True(input.Distance(output) < 15, $"{input} came back as {output}");
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task The_picture_turns_into_what_the_prompt_says_and_changes_with_it(string transport)
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server, transport);
        await page.StartAsync("camera", "live-tiny", "384x216");
        await page.PicturesAsync();

        await page.PromptAsync("noir");
        var (input, noir) = await page.LooksAsync();
        Assert.True(noir.Saturation < 0.5 * input.Saturation + 4, $"noir is without colour: {input} became {noir}");

        await page.PromptAsync("underwater");
        var (_, water) = await page.LooksAsync();
        Assert.True(water.Blue > water.Red + 15, $"underwater is blue: {water}");
        Assert.Contains("underwater", await page.TextAsync("reading"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Provenance_names_the_very_frame_that_is_seen(string transport)
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server, transport);
        await page.StartAsync("scene", "passthrough", "640x360");
        await page.PicturesAsync(5);
        await page.PaintCodesAsync();
        var codes = await page.CodesAsync(60);
        var wrong = codes.Where(c => Math.Abs(c.PaintedAt - c.CapturedAt) > 0.1).ToArray();
        Assert.True(wrong.Length == 0, $"{wrong.Length} of {codes.Length} pictures name another frame: {string.Join("; ", wrong.Take(3))}");
        var glass = codes.Select(c => c.ShownAt - c.PaintedAt).Order().ToArray();
        Assert.True(glass[0] > 0, "a picture was shown before it was painted");
        // The strip's figure against numbers read from the pixels of the same pictures, as the probe measures.
        await page.Page.EvaluateAsync(
            """
            () => {
              window.both = () => {
                const now = performance.now(), seen = codes.filter((c) => c[0] >= 0 && c[3] >= now - 5000);
                const times = seen.map((c) => c[3] - c[1]).sort((a, b) => a - b);
                return [trueLive.figures.latency.quantile(0.5), times[times.length >> 1], times.length];
              };
            }
            """);
        // The page's figure counts pictures whose number could not be read, too: while the delay jumps, few pictures may differ from all.
        await page.UntilAsync("Math.abs(both()[0] - both()[1]) <= 10");
        var both = await page.EvalAsync<double[]>("both()");
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"the page says p50 {both[0]:0.0} ms, the pixels say {both[1]:0.0} ms ({transport}, n={both[2]:0})");
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"glass to glass ({transport}, pass-through 640x360): p50 {glass[glass.Length / 2]:0.0} ms, p95 {glass[glass.Length * 95 / 100]:0.0} ms, n={glass.Length}");
    }

    [Theory]
    [InlineData("webrtc")]
    [InlineData("ws", Traits = ["Run", "full"])]
    public async Task Two_sessions_do_not_mix(string transport)
    {
        var server = studio.Server;
        await using var one = await browser.OpenAsync(server, transport);
        await using var two = await browser.OpenAsync(server, transport);
        foreach (var page in new[] { one, two })
        {
            await page.StartAsync("scene", "passthrough", "384x216");
            await page.PicturesAsync(5);
            await page.PaintCodesAsync();
        }
        Assert.NotEqual(await one.EvalAsync<string>("trueLive.transport.session.session"),
            await two.EvalAsync<string>("trueLive.transport.session.session"));
        foreach (var page in new[] { one, two })
        {
            await page.CodesAsync(40);
            // The numbers of the two pages are far apart, so a picture of the other page would have a number that this one never painted.
            // Pictures that were under way when the painting began have none.
            Assert.Equal(0, await page.EvalAsync<int>(
                "codes.slice(10).filter((c, i) => c[0] < 0 && i + 10 > codes.findIndex((d) => d[0] >= 0) && " +
                "(c[2] === null || c[2] > codes.find((d) => d[0] >= 0)[1])).length"));
        }
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_reloaded_page_is_back_in_its_session_with_prompt_and_memory(string transport)
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server, transport);
        await page.StartAsync("camera", "live-tiny", "384x216");
        await page.PicturesAsync();
        await page.PromptAsync("thermal");
        var session = await page.EvalAsync<string>("trueLive.transport.session.session");

        await page.ReloadAsync();
        await page.StartAsync("camera");
        await page.PicturesAsync();
        Assert.Equal(session, await page.EvalAsync<string>("trueLive.transport.session.session"));
        Assert.Equal("thermal", await page.EvalAsync<string>("trueLive.transport.session.prompt.text"));
        Assert.True(await page.EvalAsync<bool>("trueLive.transport.session.resumed.memory_kept"));
        Assert.True(await page.EvalAsync<int>("trueLive.figures.lastTrace.epoch") >= 1);
        Assert.Contains("Back in the session", await page.TextAsync("state"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_udp_is_blocked_the_picture_comes_over_tcp()
    {
        await using var server = await ServerProcess.StartAsync("--webrtc-udp", "false");
        await using var page = await browser.OpenAsync(server, "webrtc");
        await page.StartAsync("scene", "passthrough", "640x360");
        await page.PicturesAsync(20);
        Assert.Equal("tcp", await page.EvalAsync<string>("trueLive.transport.path()"));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task Where_the_media_port_is_blocked_the_same_session_goes_on_over_the_WebSocket()
    {
        // An address for documentation (RFC 5737), where nothing answers; with one place only, a second session would be refused.
        await using var server = await ServerProcess.StartAsync("--webrtc-addresses", "192.0.2.1", "--max-sessions", "1");
        await using var page = await browser.OpenAsync(server);
        var made = page.Page.WaitForResponseAsync(r => r.Url.Contains("/whip", StringComparison.Ordinal));
        await page.StartAsync("scene", "passthrough", "384x216");
        var location = (await made).Headers["location"];
        await page.UntilAsync("trueLive.transport?.session");
        await page.PicturesAsync();
        Assert.Equal("JPEG over WebSocket", await page.EvalAsync<string>("trueLive.transport.constructor.label"));
        Assert.StartsWith($"/whip/{await page.EvalAsync<string>("trueLive.transport.session.session")}/", location,
            StringComparison.Ordinal);
        Assert.Contains("JPEG over WebSocket", await page.TextAsync("state"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_person_in_front_of_the_camera_turns_into_what_the_prompt_says()
    {
        Assert.SkipWhen(Footage.Person is null, "This machine has no footage of people beside the repository.");
        await using var face = new Browser { Camera = Footage.Person };
        await face.InitializeAsync();
        var server = studio.Server;
        await using var page = await face.OpenAsync(server, "webrtc");
        await page.StartAsync("camera", "live-tiny", "384x216");
        await page.PicturesAsync();
        await page.PromptAsync("noir");
        var (input, noir) = await page.LooksAsync();
        Assert.True(input.Contrast > 1, $"the camera shows footage: {input}");
        Assert.True(noir.Saturation < 0.5 * input.Saturation + 4, $"noir is without colour: {input} became {noir}");
    }

    [Theory]
    [InlineData("webrtc", Traits = ["Run", "full"])]
    [InlineData("ws", Traits = ["Run", "full"])]
    public async Task A_full_server_says_so_and_leaves_the_running_session_alone(string transport)
    {
        await using var server = await ServerProcess.StartAsync("--max-sessions", "1");
        await using var first = await browser.OpenAsync(server, transport);
        await first.StartAsync("scene", "passthrough");
        await first.PicturesAsync();
        await using var second = await browser.OpenAsync(server, transport);
        await second.StartAsync("scene", "passthrough");
        await second.UntilAsync("!document.querySelector('#trouble').hidden");
        var words = await second.TextAsync("trouble");
        Assert.Contains("takes 1 live sessions and 1 are running", words, StringComparison.Ordinal);
        Assert.Contains("may have room in", words, StringComparison.Ordinal);
        var before = await first.EvalAsync<int>("trueLive.figures.lastTrace.output");
        await first.UntilAsync($"trueLive.figures.lastTrace.output > {before + 10}");
    }

    [Theory]
    [InlineData("webrtc")]
    [InlineData("ws", Traits = ["Run", "full"])]
    public async Task Pause_holds_the_picture_and_stop_ends_the_session_on_the_server(string transport)
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server, transport);
        await page.StartAsync("scene", "passthrough");
        await page.PicturesAsync();
        await page.Page.EvaluateAsync("() => { window.mine = trueLive.transport.session.session; }");
        await page.Page.ClickAsync("#pause");
        await page.UntilAsync("document.querySelector('#state').textContent === 'Paused.'");
        await page.UntilAsync("trueLive.figures.shown.count === 0");
        await page.Page.ClickAsync("#pause");
        await page.PicturesAsync();
        await page.Page.ClickAsync("#start");
        await page.UntilAsync("fetch('/v1/sessions').then((r) => r.json()).then((r) => r.sessions.every((s) => s.id !== mine))");
    }

    [Theory]
    [InlineData("webrtc")]
    [InlineData("ws", Traits = ["Run", "full"])]
    public async Task A_server_that_is_told_to_end_tells_its_clients_and_goes(string transport)
    {
        await using var server = await ServerProcess.StartAsync();
        await using var page = await browser.OpenAsync(server, transport);
        await page.StartAsync("scene", "passthrough");
        await page.PicturesAsync();
        Assert.Equal(0, await server.EndAsync());
        await page.UntilAsync("document.querySelector('#state').textContent.includes('The server ended the session')");
    }
}
