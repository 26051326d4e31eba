namespace TrueLive.EndToEnd.Tests;

public sealed class WebSocketPageTests(Browser browser) : IClassFixture<Browser>
{
    [Fact]
    public async Task The_camera_comes_back_through_the_websocket_with_provenance()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var page = await browser.OpenAsync(server, "?transport=ws");
        await page.StartAsync("camera", "passthrough");
        await page.PicturesAsync(30);
        Assert.Contains("JPEG over WebSocket", await page.TextAsync("way"), StringComparison.Ordinal);
        var (input, output) = await page.LooksAsync();
        Assert.True(input.Contrast > 3, "the camera shows footage");
        Assert.True(input.Distance(output) < 15, $"{input} came back as {output}");
    }

    [Fact]
    public Task Provenance_names_the_very_frame_that_is_seen() => CodeTest.RunAsync(browser, "?transport=ws", toleranceMs: 0.1);
}
