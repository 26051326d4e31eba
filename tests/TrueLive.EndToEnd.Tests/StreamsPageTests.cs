using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Playwright;

namespace TrueLive.EndToEnd.Tests;

/// <summary>The Streams part of Live, with an encoder that pushes to us and a receiver that gets what was made of it.</summary>
[Collection(nameof(Browser))]
public sealed class StreamsPageTests(Browser browser, Studio studio)
{
    private const string Phrase = "secret-phrase-1";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_encoder_comes_in_and_a_receiver_gets_its_picture_and_no_key_is_shown_again()
    {
        await using var page = await browser.OpenAsync(studio.Server, width: 1440, height: 900);
        await page.UntilAsync("document.querySelector('#model').options.length > 0");
        await page.Page.SelectOptionAsync("#size", "384x216");
        await page.Page.ClickAsync("#streams > summary");
        await page.UntilAsync("document.querySelector('#streams-key')?.value");
        var port = FreePort().ToString(CultureInfo.InvariantCulture);
        await page.Page.FillAsync("#streams-port", port);
        var key = await page.Page.InputValueAsync("#streams-key");
        await page.UntilAsync($"[...document.querySelectorAll('.stream-in code')].some((c) => c.textContent === '{key}')");
        await LookAsync(page, "streams-in");
        await page.Page.ClickAsync(".stream-in button.primary");
        await page.UntilAsync("document.querySelector('[data-leg=source]')");
        using var encoder = Ffmpeg("-re", "-f", "lavfi", "-i", "testsrc2=size=320x176:rate=10", "-c:v", "libx264", "-preset", "ultrafast",
            "-tune", "zerolatency", "-g", "10", "-f", "flv", $"rtmp://127.0.0.1:{port}/live/{key}");
        await page.UntilAsync("document.querySelector('[data-leg=source]').textContent.includes('320x176')");

        var out1 = FreePort();
        using var receiver = Ffmpeg("-i", $"srt://127.0.0.1:{out1}?mode=listener&passphrase={Phrase}", "-frames:v", "10", "-f", "null", "-");
        await page.Page.SelectOptionAsync(".stream-out select", "address");
        await page.Page.FillAsync(".stream-out input", $"srt://127.0.0.1:{out1}?passphrase={Phrase}");
        await page.Page.ClickAsync(".stream-out button.primary");
        await page.UntilAsync("document.querySelector('.stream li:nth-of-type(2)')?.dataset.state === 'live'");
        await page.UntilAsync("document.querySelector('.stream li:nth-of-type(2)').textContent.includes('kbit/s')");
        await receiver.WaitForExitAsync(Cancel);
        Assert.Equal(0, receiver.ExitCode);
        await LookAsync(page, "streams-live");
        var all = await page.EvalAsync<string>("document.documentElement.outerHTML + " +
            "[...document.querySelectorAll('input, textarea')].map((i) => i.value).join(' ')");
        Assert.DoesNotContain(key, all, StringComparison.Ordinal);
        Assert.DoesNotContain(Phrase, all, StringComparison.Ordinal);

        await page.Page.SelectOptionAsync(".stream-out select", "youtube");
        Assert.Equal("password", await page.Page.GetAttributeAsync(".stream-out input[id*=out-key]", "type"));
        await page.Page.SelectOptionAsync(".stream-out select", "webcam");
        Assert.Contains("v4l2loopback", await page.Page.InnerTextAsync(".stream-out"), StringComparison.Ordinal);
        await page.Page.ClickAsync(".stream li:nth-of-type(2) button");
        await page.UntilAsync("document.querySelectorAll('.stream li').length === 1");
        await page.Page.ClickAsync("text=End stream");
        await page.UntilAsync("!document.querySelector('.stream')");
    }

    private static async Task LookAsync(LivePage page, string name)
    {
        foreach (var (width, height) in new[] { (390, 844), (820, 1180), (1440, 900) })
        {
            await page.Page.SetViewportSizeAsync(width, height);
            await page.Page.EvaluateAsync("document.querySelector('#streams').scrollIntoView()");
            await Studio.PictureAsync(page.Page, string.Create(CultureInfo.InvariantCulture, $"{name}-{width}"));
            Assert.True(await page.EvalAsync<int>("document.documentElement.scrollWidth") <= width, $"{name} is wider than {width}");
        }
        await Studio.ReadableAsync(page.Page, name);
    }

    // Ended with the test; a receiver ends by itself.
    private static Ended Ffmpeg(params string[] arguments) =>
        new(Process.Start("ffmpeg", ["-hide_banner", "-loglevel", "error", "-nostdin", .. arguments]));

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private sealed class Ended(Process process) : IDisposable
    {
        public int ExitCode => process.ExitCode;

        public Task WaitForExitAsync(CancellationToken cancel) => process.WaitForExitAsync(cancel);

        public void Dispose()
        {
            process.Kill();
            process.Dispose();
        }
    }
}
