namespace TrueLive.EndToEnd.Tests;

/// <summary>The page itself: words for what is wrong, keys, and the way in with an API key.</summary>
[Collection(nameof(Browser))]
public sealed class PageTests(Browser browser)
{
    [Fact]
    public async Task A_refused_camera_is_explained()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var page = await browser.OpenAsync(server, "ws", script:
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Permission denied', 'NotAllowedError'))");
        await page.StartAsync("camera");
        await page.UntilAsync("document.querySelector('#trouble').textContent.includes('does not let this page use the camera')");
        Assert.Equal("Start", await page.TextAsync("start"));
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
        await using var server = await ServerProcess.StartAsync();
        await using var page = await browser.OpenAsync(server, "ws");
        await page.Page.Keyboard.PressAsync("3");
        Assert.NotEmpty(await page.Page.InputValueAsync("#prompt"));
        await page.Page.Locator("body").PressAsync("/");
        Assert.Equal("prompt", await page.EvalAsync<string>("document.activeElement.id"));
        await page.Page.SetViewportSizeAsync(360, 740);
        Assert.True(await page.EvalAsync<bool>("document.documentElement.scrollWidth <= 360"), "the page is wider than a phone");
    }
}
