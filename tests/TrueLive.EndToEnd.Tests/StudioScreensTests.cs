using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Playwright;

namespace TrueLive.EndToEnd.Tests;

/// <summary>Appearance, accessibility and cost of the screens.</summary>
[Collection(nameof(Browser))]
public sealed class StudioScreensTests(Browser browser, Studio studio)
{
    private static readonly (int Width, int Height)[] Sizes = [(390, 844), (820, 1180), (1440, 900)];
    private static readonly string[] Screens = ["live", "interactive", "clips", "probe", "tiers"];

    [Fact]
    public Task Every_screen_fits_a_telephone_and_a_desktop_and_has_no_serious_accessibility_finding() =>
        FitAsync((ColorScheme.Dark, [Sizes[0]]), (ColorScheme.Light, [Sizes[2]]));

    [Fact]
    [Trait("Run", "full")]
    public Task Every_screen_fits_three_sizes_and_two_themes() => FitAsync((ColorScheme.Dark, Sizes), (ColorScheme.Light, Sizes));

    private async Task FitAsync(params (ColorScheme Theme, (int Width, int Height)[] Sizes)[] looks)
    {
        await using var page = await browser.OpenAsync(studio.Server);
        foreach (var (theme, sizes) in looks)
        {
            await page.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = theme, ReducedMotion = ReducedMotion.Reduce });
            // The comparison, shown last, ends the session.
            await page.Page.EvaluateAsync("location.hash = '#live'");
            await page.UntilAsync("!document.querySelector('#live').hidden");
            await page.StartAsync("scene", "live-tiny", "384x216");
            await page.PicturesAsync(3);
            await page.UntilAsync("document.querySelector('#looks-note').textContent.includes('by the model')");
            await page.PromptAsync("oil");
            foreach (var screen in Screens)
            {
                foreach (var (width, height) in sizes)
                {
                    await page.Page.SetViewportSizeAsync(width, height);
                    await page.Page.EvaluateAsync($"location.hash = '#{screen}'");
                    await page.UntilAsync(screen == "live"
                        ? "!document.querySelector('#live').hidden"
                        : $"document.querySelector('.page.{screen} h1')");
                    await page.Page.EvaluateAsync("scrollTo(0, 0)");
                    await Studio.PictureAsync(page.Page, string.Create(CultureInfo.InvariantCulture, $"{screen}-{width}-{theme}")
                        .ToLowerInvariant());
                    Assert.True(await page.EvalAsync<int>("document.documentElement.scrollWidth") <= width,
                        $"{screen} is wider than {width}");
                    // Content depends on the width and contrast on the theme, so one width for each theme is enough.
                    if (width == (theme == ColorScheme.Dark ? Sizes[0] : Sizes[2]).Width)
                        await Studio.ReadableAsync(page.Page, $"{screen} {width} {theme}");
                }
                // The other screens are checked without a model that uses the processor.
                if (screen == "live")
                    await page.Page.ClickAsync("#pause");
            }
        }
    }

    [Fact]
    public async Task What_every_session_needs_is_seen_at_once_and_no_name_is_cut_off()
    {
        await using var page = await browser.OpenAsync(studio.Server, width: 1280, height: 900);
        await page.UntilAsync("document.querySelector('#parameters summary')");
        // So that the choice of a file is seen.
        await page.Page.SelectOptionAsync("#source", "file");
        foreach (var (name, seen) in new[] { ("closed", true), ("open", false) })
        {
            foreach (var (width, height) in new[] { (390, 844), (1920, 1080), (1280, 900) })
            {
                await page.Page.SetViewportSizeAsync(width, height);
                await Studio.PictureAsync(page.Page, string.Create(CultureInfo.InvariantCulture, $"settings-{name}-{width}"));
                Assert.True(await page.EvalAsync<int>("document.documentElement.scrollWidth") <= width, $"{name} is wider than {width}");
                Assert.Equal("", await page.EvalAsync<string>(CutOff));
            }
            if (seen)
            {
                Assert.Equal("", await page.EvalAsync<string>("['#prompt', '#looks > button', '#model', '#size', '.facts > .rate']" +
                    ".filter((s) => { const { top, bottom } = document.querySelector(s).getBoundingClientRect(); return top < 0 || " +
                    "bottom > (s.startsWith('.facts') ? innerHeight : document.querySelector('#truth').getBoundingClientRect().top); })" +
                    ".join(', ')"));
            }
            await Studio.ReadableAsync(page.Page, $"settings {name}");
            await page.Page.ClickAsync("#parameters summary");
        }
        // A setting that is in force is told of while it is not seen.
        Assert.False(await page.Page.IsVisibleAsync("#parameter-mask_on"));
        await page.Page.ClickAsync("#parameters summary");
        await page.Page.SelectOptionAsync("#parameter-mask_on", "person");
        Assert.EndsWith("palette · in use", await page.Page.InnerTextAsync("#parameters summary"), StringComparison.Ordinal);
        await page.Page.SelectOptionAsync("#parameter-mask_on", "as prompted");
        Assert.EndsWith("palette", await page.Page.InnerTextAsync("#parameters summary"), StringComparison.Ordinal);
    }

    // The choices whose words are wider than they are, and the labels and buttons that hide a part of their words.
    private const string CutOff = """
        (() => {
          const wide = [...document.querySelectorAll('#live select')].filter((s) => s.checkVisibility()).filter((s) => {
            const whole = s.cloneNode(true);
            whole.removeAttribute('id');
            whole.value = s.value;
            whole.style.cssText = `position: absolute; width: auto; max-width: none; font: ${getComputedStyle(s).font}`;
            document.body.append(whole);
            const need = whole.offsetWidth;
            whole.remove();
            return need > s.offsetWidth + 1;
          });
          const hidden = [...document.querySelectorAll('#live :is(label:not(.sr), .button, summary)')].filter((e) => e.checkVisibility() &&
            e.scrollWidth > e.clientWidth + 1 && !e.matches('.segments label'));
          return [...wide, ...hidden].map((e) => e.id || e.textContent.trim()).join(', ');
        })()
        """;

    [Fact]
    [Trait("Run", "full")]
    public Task What_stands_on_the_screens_while_they_are_used_is_readable_too() => UseAsync(ColorScheme.Dark);

    [Fact]
    [Trait("Run", "full")]
    public Task What_stands_on_the_screens_while_they_are_used_is_readable_in_the_light_too() => UseAsync(ColorScheme.Light);

    private async Task UseAsync(ColorScheme theme)
    {
        await using var page = await browser.OpenAsync(studio.Server, width: 1440, height: 900);
        async Task LookAsync(string name)
        {
            await page.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = theme, ReducedMotion = ReducedMotion.Reduce });
            foreach (var (width, height) in new[] { Sizes[0], Sizes[2] })
            {
                await page.Page.SetViewportSizeAsync(width, height);
                await Studio.PictureAsync(page.Page, $"{name}-{width}-{theme}".ToLowerInvariant());
                Assert.True(await page.EvalAsync<int>("document.documentElement.scrollWidth") <= width, $"{name} is wider than {width}");
            }
            await Studio.ReadableAsync(page.Page, $"{name} {theme}");
        }

        await page.StartAsync("scene", "live-tiny", "384x216");
        await page.PicturesAsync(3);
        await page.UntilAsync("document.querySelector('#looks-note').textContent.includes('by the model')");
        await page.Page.ClickAsync("#blend");
        await page.Page.ClickAsync(".facts > .way");
        await LookAsync("live-pad");
        await page.Page.ClickAsync(".facts > .way");
        await page.Page.ClickAsync("#share");
        await page.UntilAsync("document.querySelector('#sheet').open");
        await LookAsync("share");
        await page.Page.Keyboard.PressAsync("Escape");
        await page.Page.EvaluateAsync("async () => { (await import('./dom.js')).trouble('The server is full. This page waits for a place " +
            "and starts by itself.', [['Stop waiting', () => {}]]); document.querySelector('#key-form').hidden = false; }");
        await LookAsync("trouble");
        await page.Page.EvaluateAsync("async () => { (await import('./dom.js')).trouble(null); " +
            "document.querySelector('#key-form').hidden = true; }");
        await page.Page.ClickAsync("nav a[href='#interactive']");
        await page.UntilAsync("document.querySelector('.page.interactive h1')");
        await page.Page.SetInputFilesAsync("#interactive-file", Footage.Clip);
        await page.UntilAsync("document.querySelector('.bench:not([hidden])')");
        await page.Page.FillAsync("#tweak", "watercolour");
        await page.UntilAsync("document.querySelector('[data-revision=\"1\"]')?.textContent.match(/full [\\d.]+ m?s/)");
        await LookAsync("interactive-revisions");
        await page.Page.ClickAsync("nav a[href='#clips']");
        await page.UntilAsync("document.querySelector('.page.clips h1')");
        await page.Page.SetInputFilesAsync("#clip-files", Footage.Clip);
        await page.UntilAsync("document.querySelector('.film video')");
        await LookAsync("clips-film");
    }

    [Fact]
    public async Task The_page_is_light_and_asks_nobody_else()
    {
        await using var page = await browser.OpenAsync(studio.Server);
        var addresses = new ConcurrentQueue<string>();
        page.Page.Request += (_, request) => addresses.Enqueue(request.Url);
        var devtools = await page.Page.Context.NewCDPSessionAsync(page.Page);
        await devtools.SendAsync("Network.enable");
        await devtools.SendAsync("Network.setCacheDisabled", new Dictionary<string, object> { ["cacheDisabled"] = true });
        await page.ReloadAsync();
        var bytes = await page.EvalAsync<int>("performance.getEntriesByType('resource').filter((e) => " +
            "!e.name.includes('/v1/')).reduce((s, e) => s + e.decodedBodySize, " +
            "performance.getEntriesByType('navigation')[0].decodedBodySize)");
        Assert.InRange(bytes, 10_000, 150_000);
        foreach (var screen in Screens)
            await page.Page.EvaluateAsync($"location.hash = '#{screen}'");
        await page.UntilAsync($"document.querySelector('.page.{Screens[^1]} h1')");
        Assert.DoesNotContain(addresses, a => !a.StartsWith(studio.Server.Address, StringComparison.Ordinal)
            && !a.StartsWith("blob:", StringComparison.Ordinal) && !a.StartsWith("data:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_page_itself_draws_no_more_often_than_its_figures_change()
    {
        await using var page = await browser.OpenAsync(studio.Server, "webrtc");
        // The camera, since the page itself draws the built-in scene, which would be counted too.
        await page.StartAsync("camera", "passthrough", "384x216");
        await page.PicturesAsync(20);
        var devtools = await page.Page.Context.NewCDPSessionAsync(page.Page);
        await devtools.SendAsync("Performance.enable");
        var before = await CountAsync(devtools);
        await page.UntilAsync(
            FormattableString.Invariant($"performance.now() > {await page.EvalAsync<double>("performance.now()") + 5000}"));
        var after = await CountAsync(devtools);
        // The strip is updated twice a second and the marks on the picture four times; a new picture alone changes nothing in the page.
        var rate = (after.Drawn - before.Drawn) / (after.At - before.At);
        TestContext.Current.TestOutputHelper?.WriteLine($"styles and layouts: {rate:0.0} per second");
        Assert.True(rate < 24, $"the page is laid out {rate:0.0} times a second");
    }

    [Fact]
    public async Task One_change_is_answered_by_all_three_tiers_and_the_readme_shows_the_running_product()
    {
        await using var page = await browser.OpenAsync(studio.Server, width: 1440, height: 900);
        await page.StartAsync("scene", "live-tiny", "512x288");
        await page.PicturesAsync(3);
        await page.PromptAsync("(cartoon:0.6) (pop:0.4)");
        await page.UntilAsync("document.querySelector('#looks-note').textContent.startsWith('your frame')");
        await page.UntilAsync("trueLive.figures.series.length > 20");
        await ForReadmeAsync(page.Page, "live");

        await page.Page.ClickAsync("nav a[href='#tiers']");
        await page.Page.ClickAsync("#tiers-go");
        await page.UntilAsync("document.querySelector('#tiers-status').textContent.startsWith('All three have answered')");
        await page.UntilAsync("document.querySelectorAll('.lanes .dot').length === 3");
        await page.UntilAsync("document.querySelector('.tier.live .age').textContent.startsWith('shows now')");
        await ForReadmeAsync(page.Page, "tiers");
    }

    private static async Task ForReadmeAsync(IPage page, string name)
    {
        var file = Path.Combine(Studio.Pictures, $"readme-{name}.jpg");
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = file, Type = ScreenshotType.Jpeg, Quality = 88 });
        Assert.InRange(new FileInfo(file).Length, 20_000, 400_000);
    }

    private static async Task<(double Drawn, double At)> CountAsync(ICDPSession devtools)
    {
        var metrics = (await devtools.SendAsync("Performance.getMetrics"))!.Value.GetProperty("metrics").EnumerateArray()
            .ToDictionary(m => m.GetProperty("name").GetString()!, m => m.GetProperty("value").GetDouble());
        return (metrics["LayoutCount"] + metrics["RecalcStyleCount"], metrics["Timestamp"]);
    }
}
