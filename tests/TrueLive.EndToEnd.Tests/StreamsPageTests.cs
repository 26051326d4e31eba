using System.Diagnostics;
using System.Globalization;
using System.Net.NetworkInformation;
using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace TrueLive.EndToEnd.Tests;

/// <summary>The Streams part of Live, with an encoder that pushes to us and a receiver that gets what was made of it.</summary>
[Collection(nameof(Browser))]
public sealed partial class StreamsPageTests(Browser browser, Studio studio)
{
    private const string Phrase = "secret-phrase-1";

    // Sessions of other pages have cards as well.
    private const string Card = ".stream:has([data-leg=source])";
    private const string Output = Card + " li:nth-of-type(2)";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_encoder_comes_in_and_a_receiver_gets_its_picture_and_no_key_is_shown_again()
    {
        var folder = Directory.CreateTempSubdirectory("truelive-streams-page-");
        await using var page = await browser.OpenAsync(studio.Server, width: 1440, height: 900);
        await page.UntilAsync("document.querySelector('#model').options.length > 0");
        await page.Page.SelectOptionAsync("#size", "384x216");
        await page.Page.ClickAsync("#streams > summary");
        await page.UntilAsync("document.querySelector('#streams-key')?.value");
        var port = FreePort.Next();
        await page.Page.FillAsync("#streams-port", port.ToString(CultureInfo.InvariantCulture));
        var key = await page.Page.InputValueAsync("#streams-key");
        await page.UntilAsync($"[...document.querySelectorAll('.stream-in code')].some((c) => c.textContent === '{key}')");
        await LookAsync(page, "streams-in");
        await page.Page.ClickAsync(".stream-in button.primary");
        await page.UntilAsync("document.querySelector('[data-leg=source]')");
        // An encoder that came too early would be refused, and ffmpeg would end.
        await UntilAsync(() => IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(l => l.Port == port));
        using var encoder = Ffmpeg("-re", "-f", "lavfi", "-i", "testsrc2=size=320x176:rate=10", "-c:v", "libx264", "-preset", "ultrafast",
            "-tune", "zerolatency", "-g", "10", "-f", "flv", $"rtmp://127.0.0.1:{port}/live/{key}");
        await page.UntilAsync("document.querySelector('[data-leg=source]').textContent.includes('320x176')");

        var out1 = FreePort.Next();
        var received = Path.Combine(folder.FullName, "received.txt");
        using var receiver = Ffmpeg("-progress", received, "-i", $"srt://127.0.0.1:{out1}?mode=listener&passphrase={Phrase}", "-f", "null",
            "-");
        await page.Page.SelectOptionAsync(Card + " select", "address");
        await page.Page.FillAsync(Card + " input", $"srt://127.0.0.1:{out1}?passphrase={Phrase}");
        await page.Page.ClickAsync(Card + " button.primary");
        await page.UntilAsync($"document.querySelector('{Output}')?.dataset.state === 'live'");
        await page.UntilAsync($"document.querySelector('{Output}').textContent.includes('kbit/s')");
        await UntilAsync(() => File.Exists(received) && FrameCount().IsMatch(File.ReadAllText(received)));
        // Players of HLS get both addresses.
        await page.Page.SelectOptionAsync(Card + " select", "hls");
        await page.Page.ClickAsync(Card + " button.primary");
        const string LowLatency = Card + " .low code";
        await page.UntilAsync($"document.querySelector('{LowLatency}')?.textContent.endsWith('/low-latency.m3u8')");
        Assert.EndsWith("/index.m3u8", await page.Page.InnerTextAsync($"{Card} li:has(.low) > code"), StringComparison.Ordinal);
        await page.UntilAsync($"fetch(document.querySelector('{LowLatency}').textContent).then(async (r) => r.ok && " +
            "(await r.text()).includes('#EXT-X-PART'))");
        await LookAsync(page, "streams-live");
        await page.Page.ClickAsync($"{Card} li:has(.low) button");
        await page.UntilAsync($"!document.querySelector('{LowLatency}')");
        var all = await page.EvalAsync<string>("document.documentElement.outerHTML + " +
            "[...document.querySelectorAll('input, textarea')].map((i) => i.value).join(' ')");
        Assert.DoesNotContain(key, all, StringComparison.Ordinal);
        Assert.DoesNotContain(Phrase, all, StringComparison.Ordinal);

        await page.Page.SelectOptionAsync(Card + " select", "youtube");
        Assert.Equal("password", await page.Page.GetAttributeAsync(Card + " input[id*=out-key]", "type"));
        await page.Page.SelectOptionAsync(Card + " select", "webcam");
        Assert.Contains("v4l2loopback", await page.Page.InnerTextAsync(Card), StringComparison.Ordinal);
        await page.Page.ClickAsync(Output + " button");
        await page.UntilAsync($"!document.querySelector('{Output}')");
        await page.Page.ClickAsync(Card + " >> text=End stream");
        await page.UntilAsync($"!document.querySelector('{Card}')");
        folder.Delete(recursive: true);
    }

    [GeneratedRegex("^frame=[1-9]", RegexOptions.Multiline)]
    private static partial Regex FrameCount();

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

    private static Ended Ffmpeg(params string[] arguments) =>
        new(Process.Start("ffmpeg", ["-hide_banner", "-loglevel", "error", "-nostdin", .. arguments]));

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        while (!holds())
            await timer.WaitForNextTickAsync(Cancel);
    }

    private sealed class Ended(Process process) : IDisposable
    {
        public void Dispose()
        {
            process.Kill();
            process.Dispose();
        }
    }
}
