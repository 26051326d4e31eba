namespace TrueLive.EndToEnd.Tests;

/// <summary>The page itself: error messages, keyboard, and access with an API key.</summary>
[Collection(nameof(Browser))]
public sealed class PageTests(Browser browser, Studio studio)
{
    [Fact]
    public async Task A_refused_camera_is_explained()
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server, "ws", script:
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Permission denied', 'NotAllowedError'))");
        await page.StartAsync("camera");
        await page.UntilAsync("document.querySelector('#trouble').textContent.includes('does not let this page use the camera')");
        Assert.Equal("Start", await page.TextAsync("start"));
    }

    public static TheoryData<string, string> Cameras => new()
    {
        { "NotFoundError", "No camera was found" }, { "NotReadableError", "in use by another program" },
        { "OverconstrainedError", "not there any more" }, { "", "only to https pages" },
    };

    [Theory]
    [MemberData(nameof(Cameras))]
    public async Task Every_camera_that_cannot_be_used_is_explained_on_each_screen_with_a_way_out(string error, string words)
    {
        var server = studio.Server;
        var script = error.Length == 0
            ? "Object.defineProperty(navigator, 'mediaDevices', { value: undefined })"
            : $"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('x', '{error}'))";
        await using var page = await browser.OpenAsync(server, "ws", script: script);
        await page.StartAsync("camera", "passthrough");
        await page.UntilAsync($"document.querySelector('#trouble').textContent.includes('{words}')");
        await page.Page.ClickAsync("nav a[href='#interactive']");
        await page.Page.ClickAsync("#take-camera");
        await page.UntilAsync($"document.querySelector('#trouble').textContent.includes('{words}')");
        await page.Page.ClickAsync("#trouble-ways button:has-text('Use the built-in scene')");
        await page.UntilAsync("document.querySelector('#finder video') && document.querySelector('#trouble').hidden");
    }

    [Fact]
    public async Task The_page_runs_no_script_but_its_own_and_stands_in_no_other_pages_frame()
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server, "ws");
        using var http = new HttpClient();
        foreach (var file in new[] { "/", "/viewer.html", "/app.js" })
        {
            using var answer = await http.GetAsync(server.Address + file, TestContext.Current.CancellationToken);
            var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
            Assert.Contains("script-src 'self';", policy, StringComparison.Ordinal);
            Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        }
        Assert.False(await page.EvalAsync<bool>("new Promise((done) => { window.ran = false; const s = document.createElement('script'); " +
            "s.textContent = 'window.ran = true'; document.head.append(s); setTimeout(() => done(window.ran)); })"));
        // Dropping a file on the page does not navigate away from it.
        Assert.True(await page.EvalAsync<bool>("!document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, " +
            "dataTransfer: new DataTransfer() }))"));
    }

    [Fact]
    public async Task A_browser_that_is_too_old_is_told_so()
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server, ready: false, script: "CSS.supports = () => false");
        // The server's description, which comes later, does not remove the message.
        await page.UntilAsync("document.querySelector('#model').options.length > 0");
        Assert.Contains("too old", await page.Page.InnerTextAsync("#too-old"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_a_key_and_a_certificate_of_its_own_the_page_asks_for_the_key_and_works()
    {
        const string Key = "a-key-of-enough-characters";
        var folder = Directory.CreateTempSubdirectory("truelive-e2e").FullName;
        await using var server = await ServerProcess.StartAsync("--tls-self-made", "--api-keys", Key, "--data-folder", folder);
        await using var page = await browser.OpenAsync(server, "ws", ready: false);
        await page.UntilAsync("!document.querySelector('#key-form').hidden");
        await page.Page.FillAsync("#key", Key);
        await page.Page.ClickAsync("#key-form button");
        await page.UntilAsync("document.querySelector('#model').options.length > 0");
        await page.StartAsync("scene", "passthrough");
        await page.PicturesAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Looks_and_prompt_are_reached_by_keys_and_the_page_fits_a_phone()
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server, "ws");
        await page.Page.Keyboard.PressAsync("3");
        Assert.NotEmpty(await page.Page.InputValueAsync("#prompt"));
        await page.Page.Locator("body").PressAsync("/");
        Assert.Equal("prompt", await page.EvalAsync<string>("document.activeElement.id"));
        await page.Page.SetViewportSizeAsync(360, 740);
        Assert.True(await page.EvalAsync<bool>("document.documentElement.scrollWidth <= 360"), "the page is wider than a phone");
    }
}
