using Microsoft.Playwright;

namespace TrueLive.EndToEnd.Tests;

/// <summary>
/// A headless Chromium whose camera plays real footage. All tests share it and therefore run one after the other, since they measure times.
/// </summary>
public sealed class Browser : IAsyncLifetime
{
    /// <summary>What its camera shows.</summary>
    public string Camera { get; init; } = Footage.Camera;

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async ValueTask InitializeAsync()
    {
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = "/usr/bin/chromium",
            Timeout = (float)LivePage.Patience.TotalMilliseconds,
            Args =
            [
                "--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                $"--use-file-for-fake-video-capture={Camera}", "--autoplay-policy=no-user-gesture-required",
            ],
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
            await _browser.CloseAsync();
        _playwright?.Dispose();
    }

    /// <summary>The page of a server in a fresh profile.</summary>
    /// <param name="server">Server to open.</param>
    /// <param name="transport"><c>ws</c>, <c>webrtc</c>, or empty for the page's own choice.</param>
    /// <param name="script">Runs before the page's own scripts.</param>
    /// <param name="ready">Whether to wait until the page knows the server's models.</param>
    /// <param name="width">Width of the window.</param>
    /// <param name="height">Height of the window.</param>
    /// <param name="theme">Light or dark.</param>
    /// <param name="address">Where the browser finds the server; null is the server's own address.</param>
    internal Task<LivePage> OpenAsync(
        ServerProcess server, string transport = "", string? script = null, bool ready = true, int width = 1280, int height = 800,
        ColorScheme theme = ColorScheme.Dark, string? address = null) =>
        OpenAsync(address ?? server.Address, transport, script, ready, width, height, theme, () => server.Log);

    /// <summary>The page at an address in a fresh profile; <paramref name="log"/> gives its server's log.</summary>
    internal async Task<LivePage> OpenAsync(
        string address, string transport = "", string? script = null, bool ready = true, int width = 1280, int height = 800,
        ColorScheme theme = ColorScheme.Dark, Func<string>? log = null)
    {
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            Permissions = ["camera"],
            IgnoreHTTPSErrors = true,
            ViewportSize = new ViewportSize { Width = width, Height = height },
            ColorScheme = theme,
            AcceptDownloads = true,
        });
        // For the pages that a test opens beside this one as well.
        context.SetDefaultTimeout((float)LivePage.Patience.TotalMilliseconds);
        if (script is not null)
            await context.AddInitScriptAsync(script);
        var page = await context.NewPageAsync();
        var live = new LivePage(context, page, log ?? (() => ""));
        await page.GotoAsync(address + (transport.Length > 0 ? $"/?transport={transport}" : "/"));
        if (ready)
            await live.UntilAsync("document.querySelector('#model').options.length > 0");
        return live;
    }
}
