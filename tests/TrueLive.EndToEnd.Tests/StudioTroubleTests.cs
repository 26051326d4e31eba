using TrueLive.Server.Tests.Resources;

namespace TrueLive.EndToEnd.Tests;

/// <summary>What goes wrong, in words, and the way out of it.</summary>
[Collection(nameof(Browser))]
public sealed class StudioTroubleTests(Browser browser, Studio studio)
{
    [Fact]
    public async Task On_a_full_server_the_page_waits_by_keys_alone_and_starts_when_the_place_is_free()
    {
        await using var server = await ServerProcess.StartAsync("--max-sessions", "1", "--queue", "4");
        await using var first = await browser.OpenAsync(server, "ws");
        await first.StartAsync("scene", "passthrough", "384x216");
        await first.PicturesAsync(3);
        await using var second = await browser.OpenAsync(server, "ws");
        await second.Page.SelectOptionAsync("#source", "scene");
        await second.Page.FocusAsync("#start");
        await second.Page.Keyboard.PressAsync("Enter");
        await second.UntilAsync("document.querySelector('#trouble').textContent.includes('Wait for a place')");
        Assert.Contains("You are number 1 of 1 in line. How long it takes is not known yet",
            await second.EvalAsync<string>("document.querySelector('#trouble').textContent"), StringComparison.Ordinal);
        await second.Page.EvaluateAsync("() => { const send = fetch; window.asks = 0; window.fetch = (...request) => { " +
            "asks += `${request[0]}`.includes('/v1/live?') ? 1 : 0; return send(...request); }; }");
        await second.Page.FocusAsync("#trouble-ways button:first-of-type");
        await second.Page.Keyboard.PressAsync("Enter");
        await second.UntilAsync("document.querySelector('#waiting-left')?.textContent");
        await second.Page.EvaluateAsync("() => { window.stop = document.activeElement; window.said = " +
            "document.querySelector('#waiting-left').textContent; }");
        await second.UntilAsync("document.querySelector('#waiting-left').textContent !== said");
        // The seconds count down while the button keeps the focus.
        Assert.Equal("Stop waiting", await second.EvalAsync<string>("document.activeElement.textContent"));
        Assert.True(await second.EvalAsync<bool>("document.activeElement === stop"));
        // It has asked again since, and is in line once.
        await second.UntilAsync("asks > 1 && document.querySelector('#state').textContent.includes('number 1 of 1')");
        await first.Page.ClickAsync("#start");
        await second.PicturesAsync(3);
        Assert.False(await second.Page.IsVisibleAsync("#trouble"));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_server_whose_disk_is_full_says_so_on_the_page_until_there_is_room()
    {
        using var disk = SmallDisk.Mount(16);
        disk.Fill();
        await using var server = await ServerProcess.StartAsync("--data-folder", disk.Folder);
        await using var page = await browser.OpenAsync(server, "ws");
        await page.UntilAsync("document.querySelector('#short').textContent.includes('disk is full')");
        Assert.True(await page.Page.IsVisibleAsync("#short"));
        disk.Empty();
        await page.UntilAsync("document.querySelector('#short').hidden");
    }

    [Fact]
    public async Task A_cut_connection_freezes_the_picture_and_the_session_comes_back_to_its_prompt()
    {
        var server = studio.Server;
        await using var link = new CutLink(server.Address);
        await using var page = await browser.OpenAsync(server, "ws", address: link.Address);
        await page.StartAsync("scene", "live-tiny", "384x216");
        await page.PicturesAsync(3);
        await page.PromptAsync("thermal");
        var session = await page.EvalAsync<string>("trueLive.transport.session.session");
        link.Cut();
        await page.UntilAsync("trueLive.session.state === 'away'");
        await page.UntilAsync("document.querySelector('#picture-mark').textContent.startsWith('Frozen: the connection is away')");
        link.Mend();
        await page.UntilAsync("trueLive.session.state === 'live' && trueLive.figures.shown.count > 3 && " +
            "document.querySelector('#stage').dataset.mark === 'fresh'");
        Assert.Contains("Back in the session", await page.TextAsync("state"), StringComparison.Ordinal);
        Assert.Equal(session, await page.EvalAsync<string>("trueLive.transport.session.session"));
        Assert.Equal("thermal", await page.EvalAsync<string>("trueLive.transport.session.prompt.text"));
        Assert.False(await page.Page.IsVisibleAsync("#trouble"));
    }

    [Fact]
    public async Task A_server_that_falls_silent_is_noticed_though_nobody_closed_the_connection()
    {
        var server = studio.Server;
        await using var link = new CutLink(server.Address);
        await using var page = await browser.OpenAsync(server, "ws", address: link.Address);
        await page.StartAsync("scene", "passthrough", "384x216");
        await page.PicturesAsync(3);
        link.Silence();
        await page.UntilAsync("document.querySelector('#picture-mark').textContent === 'Frozen'");
        await page.UntilAsync("document.querySelector('#picture-mark').textContent.startsWith('Frozen: the connection is away')");
        link.Mend();
        await page.UntilAsync("trueLive.session.state === 'live' && trueLive.figures.shown.count > 3");
        Assert.Contains("Back in the session", await page.TextAsync("state"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("webrtc")]
    [InlineData("ws", Traits = ["Run", "full"])]
    public async Task A_server_that_was_started_again_is_found_by_the_page_and_goes_on_with_the_prompt(string transport)
    {
        await using var before = await ServerProcess.StartAsync();
        await using var link = new CutLink(before.Address);
        await using var page = await browser.OpenAsync(before, transport, address: link.Address);
        await page.StartAsync("scene", "live-tiny", "384x216");
        await page.PicturesAsync(3);
        await page.PromptAsync("thermal");
        // It admits sessions before the old one goes: the page looks for it for a minute only, and a slow machine may start for longer.
        await using var after = await ServerProcess.StartAsync();
        using (var http = new HttpClient { BaseAddress = new Uri(after.Address) })
            await ServerProcess.ReadyAsync(http);
        link.Cut();
        await before.KillAsync();
        await page.UntilAsync("trueLive.session.state === 'away'");
        link.LeadTo(after.Address);
        link.Mend();
        await page.UntilAsync("trueLive.session.state === 'live' && trueLive.figures.shown.count > 3 && " +
            "document.querySelector('#stage').dataset.mark === 'fresh'");
        Assert.Equal("thermal", await page.EvalAsync<string>("trueLive.transport.session.prompt.text"));
        Assert.False(await page.Page.IsVisibleAsync("#trouble"));
    }

    [Fact]
    public async Task A_connection_whose_handshake_failed_is_tried_again()
    {
        // The browser itself refuses the first handshake, since the certificate is not the one that the answer named.
        await using var page = await browser.OpenAsync(studio.Server, "webrtc", script: """
            const accept = RTCPeerConnection.prototype.setRemoteDescription;
            window.answers = 0;
            RTCPeerConnection.prototype.setRemoteDescription = function (answer) {
              const sdp = answer.sdp.replace(/(a=fingerprint:\S+ )\S+/g, (line, name) =>
                answers ? line : `${name}${Array(32).fill('AB').join(':')}`);
              answers++;
              return accept.call(this, { type: answer.type, sdp });
            };
            """);
        await page.StartAsync("scene", "passthrough", "384x216");
        await page.PicturesAsync(3);
        Assert.True(await page.EvalAsync<int>("answers") >= 2);
        Assert.False(await page.Page.IsVisibleAsync("#trouble"));
        var session = await page.EvalAsync<string>("trueLive.transport.session.session");
        await page.Page.ClickAsync("#start");
        await page.UntilAsync($"fetch('/v1/sessions').then((r) => r.json()).then((r) => !r.sessions.some((s) => s.id === '{session}'))");
    }

    [Theory]
    [InlineData("webrtc")]
    [InlineData("ws", Traits = ["Run", "full"])]
    public async Task A_paused_session_is_paused_when_the_page_comes_back_and_goes_on_when_told(string transport)
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server, transport);
        await page.StartAsync("scene", "passthrough", "384x216");
        await page.PicturesAsync(3);
        await page.Page.ClickAsync("#pause");
        await page.UntilAsync("trueLive.session.state === 'paused'");
        await page.ReloadAsync();
        await page.StartAsync("scene");
        await page.UntilAsync("trueLive.session.state === 'paused' && document.querySelector('#pause').textContent === 'Go on'");
        await page.Page.ClickAsync("#pause");
        await page.PicturesAsync(3);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_network_that_fails_on_every_frame_is_given_up_and_pass_through_leads_out()
    {
        await using var server = await FailingServer.StartAsync();
        await using var page = await browser.OpenAsync(server.Address, "ws");
        await page.StartAsync("scene", "failing", "384x216");
        await page.UntilAsync("document.querySelector('#trouble').textContent.includes('The model failed on many frames in a row')");
        Assert.Equal("idle", await page.EvalAsync<string>("trueLive.session.state"));
        // The server's only place is free again, since the failed session was ended there too.
        await page.UntilAsync("fetch('/v1/sessions').then((r) => r.json()).then((r) => r.sessions.length === 0)");
        await page.Page.ClickAsync("#trouble-ways button:has-text('Pass the picture through')");
        await page.PicturesAsync(3);
        Assert.Equal("passthrough",
            await page.EvalAsync<string>("trueLive.figures.lastTrace.origin === 'passed_through' && trueLive.transport.session.model"));
    }

    [Fact]
    public async Task The_controls_show_what_runs_whoever_chose_it_and_what_is_refused_is_taken_back()
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server, "ws");
        await page.StartAsync("scene", "passthrough", "384x216");
        await page.PicturesAsync(3);
        // A prompt for a model without prompts changes nothing, and the page does not claim otherwise.
        await page.Page.FillAsync("#prompt", "ink");
        await page.Page.PressAsync("#prompt", "Enter");
        await page.UntilAsync("document.querySelector('#prompt-trace').textContent.includes('no change in the picture')");
        Assert.DoesNotContain("in the picture after", await page.TextAsync("prompt-trace"), StringComparison.Ordinal);
        await page.Page.EvaluateAsync("() => { const size = document.querySelector('#size'); size.add(new Option('9999x9999')); " +
            "size.value = '9999x9999'; size.onchange(); }");
        await page.UntilAsync("document.querySelector('#trouble').textContent.includes('9999x9999')");
        Assert.Equal("384x216", await page.Page.InputValueAsync("#size"));
        await page.ReloadAsync();
        await page.StartAsync("scene");
        await page.PicturesAsync(3);
        Assert.Equal(("passthrough", "384x216"), (await page.Page.InputValueAsync("#model"), await page.Page.InputValueAsync("#size")));
        // Another input is used at once, and the page names it.
        await page.Page.SelectOptionAsync("#source", "camera");
        await page.UntilAsync("trueLive.session.kind === 'camera' && trueLive.session.state === 'live'");
        await page.PicturesAsync(3);
        Assert.Equal("true", await page.Page.GetAttributeAsync("#mirror", "aria-pressed"));
        await page.Page.ClickAsync(".facts > .tier");
        await page.UntilAsync("document.querySelector('#explain').textContent.includes('Model: passthrough')");
    }
}
