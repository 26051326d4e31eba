namespace TrueLive.EndToEnd.Tests;

/// <summary>Two pages compete for one session: one gets it, and the other says so and stops.</summary>
[Collection(nameof(Browser))]
public sealed class GivingWayTests(Browser browser, Studio studio)
{
    [Theory]
    [InlineData("webrtc")]
    [InlineData("ws", Traits = ["Run", "full"])]
    public async Task Of_a_tab_and_its_duplicate_the_older_gives_way_in_words_and_for_good(string transport)
    {
        await using var older = await browser.OpenAsync(studio.Server, transport);
        await older.StartAsync("scene", "passthrough", "384x216");
        await older.PicturesAsync(3);
        await older.Page.EvaluateAsync("() => { window.mine = trueLive.transport.session.session; }");
        // A page opened by another gets a copy of its session storage, like a duplicated tab.
        var opening = older.Page.Context.WaitForPageAsync();
        await older.Page.EvaluateAsync("() => { window.open(location.href); }");
        var newer = await opening;
        Assert.True(await LivePage.HoldsAsync(newer, "sessionStorage.getItem('token') && window.trueLive?.server"));
        await newer.ClickAsync("#welcome [data-source=scene]");
        await older.UntilAsync("document.querySelector('#trouble').textContent.includes('A newer connection took the session over.')");
        Assert.True(await LivePage.HoldsAsync(newer, "trueLive.session.state === 'live' && trueLive.figures.lastTrace"));
        // Longer than the older page waits between two attempts.
        await newer.EvaluateAsync("() => { window.seen = trueLive.figures.lastTrace.output; }");
        Assert.True(await LivePage.HoldsAsync(newer,
            "trueLive.session.state === 'live' && trueLive.figures.lastTrace.output > seen + 150"));
        Assert.Equal("idle", await older.EvalAsync<string>("trueLive.session.state"));
        Assert.Equal(1,
            await older.EvalAsync<int>("fetch('/v1/sessions').then((r) => r.json()).then((r) => r.sessions.filter((s) => s.id === " +
            "mine).length)"));

        // On request it comes back, and then the other one gives way.
        await older.Page.ClickAsync("#trouble-ways button:text('Go on here instead')");
        await older.UntilAsync("trueLive.session.state === 'live' && trueLive.figures.shown.count > 3");
        Assert.True(await LivePage.HoldsAsync(newer,
            "trueLive.session.state === 'idle' && document.querySelector('#trouble').textContent.includes('took the session over')"));
        Assert.Equal(1,
            await older.EvalAsync<int>("fetch('/v1/sessions').then((r) => r.json()).then((r) => r.sessions.filter((s) => s.id === " +
            "mine).length)"));
    }

    [Fact]
    public async Task A_viewer_who_opens_the_page_of_a_paused_session_sees_its_last_picture_and_that_it_is_paused()
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server, "webrtc");
        await page.StartAsync("scene", "passthrough", "384x216");
        await page.PicturesAsync(3);
        await page.Page.ClickAsync("#pause");
        await page.UntilAsync("trueLive.session.state === 'paused'");
        var id = await page.EvalAsync<string>("trueLive.transport.session.session");
        var viewer = await page.Page.Context.NewPageAsync();
        await viewer.GotoAsync($"{server.Address}/viewer.html?session={id}");
        Assert.True(await LivePage.HoldsAsync(viewer, "trueLive.figures.delivered.count > 0 || trueLive.figures.lastShownAt !== null"));
        Assert.True(await LivePage.HoldsAsync(viewer,
            "document.querySelector('#state').textContent === 'Paused: the last picture stays.'"));
        await page.Page.ClickAsync("#pause");
        Assert.True(await LivePage.HoldsAsync(viewer,
            "document.querySelector('#state').textContent.startsWith('Watching') && trueLive.figures.lastOrigin === 'passed_through'"));
    }
}
