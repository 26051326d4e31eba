using System.Diagnostics;
using Microsoft.Playwright;

namespace TrueLive.EndToEnd.Tests;

/// <summary>Clips, interactive clips, the probe and the comparison, as a person uses them.</summary>
[Collection(nameof(Browser))]
public sealed class StudioTiersTests(Browser browser, Studio studio)
{
    private async Task<LivePage> OpenAsync(string screen)
    {
        var page = await browser.OpenAsync(studio.Server);
        await page.Page.ClickAsync($"nav a[href='#{screen}']");
        await page.UntilAsync($"document.querySelector('.page.{screen} h1')");
        return page;
    }

    [Fact]
    public async Task A_file_becomes_a_clip_with_prompts_over_time_and_is_compared_with_its_source()
    {
        await using var page = await OpenAsync("clips");
        await page.Page.SetInputFilesAsync("#clip-files", Footage.Clip);
        await page.UntilAsync("document.querySelector('.film video')");
        await page.Page.FillAsync(".cue", "ink");
        await page.Page.ClickAsync("text=Add a prompt at the playhead");
        await page.Page.FillAsync("li:last-child .cue", "blueprint");
        // The command line for the same clip, with the prompts entered.
        await page.Page.ClickAsync("#share");
        await page.UntilAsync("/truelive clip second.mp4 --prompts '0s ink; [\\d.]+s blueprint' -o " +
            "output.mp4/.test(document.querySelector('#sheet').textContent)");
        await page.Page.Keyboard.PressAsync("Escape");
        await page.Page.ClickAsync("text=Make the clip");
        // Clips of other tests are in the same queue; no other asks for a blueprint.
        await page.UntilAsync("[...document.querySelectorAll('.job[data-state=done]')].some((j) => j.textContent.includes('blueprint'))");
        await page.Page.ClickAsync(".job:has-text('blueprint') button:has-text('Play')");
        await page.UntilAsync("document.querySelectorAll('.wipe video').length === 2 && document.querySelector('.wipe > " +
            "video').currentTime > 0.1");
        await Studio.PictureAsync(page.Page, "clips-done");
        // A reloaded page no longer has the file, but the server has.
        await page.ReloadAsync();
        await page.Page.ClickAsync(".job:has-text('blueprint') button:has-text('Play')");
        await page.UntilAsync("document.querySelectorAll('.wipe video').length === 2 && document.querySelector('.wipe " +
            "video').readyState > 1");
        var file = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.ClickAsync(".job:has-text('blueprint') a"));
        Assert.EndsWith(".mp4", file.SuggestedFilename, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_sent_is_seen_whether_the_browser_can_play_it_or_not()
    {
        var folder = Directory.CreateTempSubdirectory("truelive-shown-").FullName;
        await using var page = await OpenAsync("clips");
        foreach (var (name, coding) in new[] { ("moving.gif", "gif"), ("still.png", "png"), ("old.avi", "huffyuv") })
        {
            var path = Path.Combine(folder, name);
            using (var ffmpeg = Process.Start("ffmpeg", ["-loglevel", "error", "-nostdin", "-f", "lavfi", "-i",
                "testsrc2=s=128x96:r=10:d=0.5", .. name == "still.png" ? ["-frames:v", "1"] : Array.Empty<string>(), "-c:v", coding, path]))
                await ffmpeg.WaitForExitAsync(TestContext.Current.CancellationToken);
            await page.Page.SetInputFilesAsync("#clip-files", path);
            await page.UntilAsync($"document.querySelector('form.film h2')?.textContent === '{name}' && " +
                "document.querySelector('form.film img')?.naturalWidth === 128");
            var bar = await page.EvalAsync<string>("document.querySelector('form.film .timeline button').getAttribute('style')");
            Assert.Contains("width: 100%", bar, StringComparison.Ordinal);
        }
        Directory.Delete(folder, true);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task The_last_seconds_of_the_camera_become_a_short_clip()
    {
        await using var page = await OpenAsync("interactive");
        await page.Page.ClickAsync("#take-camera");
        await page.UntilAsync("/^([3-9]|10) s kept/.test(document.querySelector('#kept')?.textContent)");
        await page.Page.SelectOptionAsync("#take-seconds", "2");
        await Studio.PictureAsync(page.Page, "interactive-finder");
        await page.Page.ClickAsync("#take");
        await page.UntilAsync("document.querySelector('.bench:not([hidden])')");
        // The last seconds that the page kept, not what came after the click; they begin with a picture, which a busy machine takes seldom.
        Assert.InRange(await page.EvalAsync<double>("Number(document.querySelector('[aria-label=Playhead]').max)"), 0.5, 2.5);
        Assert.False(await page.Page.IsVisibleAsync("#finder"));
        await page.Page.FillAsync("#tweak", "noir");
        await page.UntilAsync("document.querySelector('[data-revision=\"1\"]')?.textContent.match(/full [\\d.]+ m?s/)");
    }

    [Fact]
    public async Task Who_wants_less_motion_is_shown_a_clip_that_stands_still()
    {
        await using var page = await browser.OpenAsync(studio.Server);
        await page.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ReducedMotion = ReducedMotion.Reduce });
        await page.Page.ClickAsync("nav a[href='#interactive']");
        await page.UntilAsync("document.querySelector('.page.interactive h1')");
        await page.Page.SetInputFilesAsync("#interactive-file", Footage.Clip);
        await page.UntilAsync("document.querySelector('[data-revision=\"0\"]')");
        Assert.Equal("0", await page.Page.InputValueAsync("[aria-label=Playhead]"));
        await page.Page.ClickAsync(".bench button:text('Play')");
        await page.UntilAsync("Number(document.querySelector('[aria-label=Playhead]').value) > 0.1");
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_comparison_that_broke_off_goes_on_when_it_is_tried_again()
    {
        await using var page = await OpenAsync("tiers");
        var asked = 0;
        await page.Page.RouteAsync("**/v1/uploads", route => asked++ == 0 ? route.AbortAsync() : route.ContinueAsync());
        await page.Page.ClickAsync("#tiers-go");
        await page.UntilAsync("document.querySelector('#trouble').textContent.includes('cannot be reached')");
        await page.Page.ClickAsync("#trouble-ways button:has-text('Try again')");
        await page.UntilAsync("document.querySelector('#tiers-status').textContent.startsWith('All three have answered')");
        // Not before the short clip was whole.
        Assert.DoesNotContain("not measured", await page.Page.InnerTextAsync(".tier.interactive dl"), StringComparison.Ordinal);
        // No tier answers words without a meaning.
        await page.Page.FillAsync("#tiers-prompt", "xyzzy");
        await page.Page.ClickAsync("#tiers-go");
        await page.UntilAsync("!document.querySelector('#tiers-go').disabled && " +
            "document.querySelector('#trouble-words').textContent.length > 20");
        Assert.Contains("not measured", await page.Page.InnerTextAsync(".tier.live dl"), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task Many_clips_that_wait_leave_the_page_its_connections()
    {
        await using var page = await OpenAsync("clips");
        await page.Page.SetInputFilesAsync("#clip-files", Footage.Clip);
        await page.UntilAsync("document.querySelector('.film video')");
        await page.Page.FillAsync(".cue", "neon");
        for (var i = 0; i < 8; i++)
            await page.Page.ClickAsync("text=Make the clip");
        const string Mine = "[...document.querySelectorAll('.job')].filter((j) => j.textContent.includes('neon'))";
        await page.UntilAsync($"{Mine}.length === 8");
        Assert.True(await page.EvalAsync<bool>($"Promise.race([fetch('/v1/capabilities', {{ cache: 'no-store' }}).then((r) => r.ok), new " +
            $"Promise((done) => {Mine}[7] && setTimeout(done, 60_000, false))])"));
        await page.UntilAsync($"{Mine}.every((j) => j.dataset.state === 'done')");
    }

    [Fact]
    public async Task A_short_clip_is_made_again_for_each_change_and_its_versions_are_compared()
    {
        await using var page = await OpenAsync("interactive");
        await page.Page.SetInputFilesAsync("#interactive-file", Footage.Clip);
        await page.UntilAsync("document.querySelector('.bench:not([hidden])')");
        await page.Page.FillAsync("#tweak", "sepia");
        await page.UntilAsync("document.querySelector('[data-revision=\"1\"]')?.textContent.match(/full [\\d.]+ m?s/)");
        await page.Page.FillAsync("#tweak", "thermal");
        await page.UntilAsync("document.querySelector('[data-revision=\"2\"]')?.textContent.match(/full [\\d.]+ m?s/)");
        Assert.Contains("first picture here after", await page.TextAsync("tweak-words"), StringComparison.Ordinal);
        await page.Page.SelectOptionAsync("#compare-mode", "difference");
        await Studio.PictureAsync(page.Page, "interactive-done");
        await page.Page.ClickAsync("[data-revision='1'] >> text=Branch");
        await page.UntilAsync("document.querySelector('[data-revision=\"3\"]')");
        await page.Page.ClickAsync("[data-revision='2'] >> text=Export");
        await page.UntilAsync("document.querySelector('#export-words').textContent.includes('becomes a clip')");
    }

    [Fact]
    public async Task A_clip_is_changed_while_a_live_session_runs_and_live_goes_on_when_the_screen_is_left()
    {
        await using var page = await browser.OpenAsync(studio.Server);
        await page.StartAsync("scene", "live-tiny", "512x288");
        await page.PicturesAsync(5);
        await page.Page.ClickAsync("nav a[href='#interactive']");
        await page.UntilAsync("document.querySelector('.page.interactive h1')");
        await page.Page.SetInputFilesAsync("#interactive-file", Footage.Clip);
        await page.UntilAsync("document.querySelector('.bench:not([hidden])')");
        await page.Page.FillAsync("#tweak", "sepia");
        await page.UntilAsync("document.querySelector('[data-revision=\"1\"]')?.textContent.match(/full [\\d.]+ m?s/)");
        // With enough cores both run; otherwise the page pauses the session and says so.
        Assert.Equal(await page.EvalAsync<bool>("trueLive.session.state === 'paused'"),
            (await page.TextAsync("machine-words")).Contains("Live is paused", StringComparison.Ordinal));
        await page.Page.ClickAsync("nav a[href='#live']");
        await page.UntilAsync("trueLive.session.state === 'live'");
        var before = await page.EvalAsync<int>("trueLive.figures.lastTrace.output");
        await page.UntilAsync($"trueLive.figures.lastTrace.output > {before + 5}");
    }

    [Fact]
    public async Task Who_knows_nothing_of_the_field_learns_what_to_need_and_what_to_ask_for()
    {
        await using var page = await OpenAsync("probe");
        Assert.False(await page.EvalAsync<bool>("performance.getEntriesByType('resource').some((e) => e.name.includes('requirement'))"));
        await page.Page.ClickAsync("#probe-need summary");
        await page.Page.WaitForSelectorAsync("#need-go");
        await page.Page.SelectOptionAsync("#need [name=build]", "video-call-filter");
        await page.Page.SelectOptionAsync("#need [name=delay]", "seconds");
        await page.Page.CheckAsync("#need [value=sound]");
        await page.Page.ClickAsync("#need-go");
        await page.Page.WaitForSelectorAsync("#need-answer svg[role=img]");
        await page.Page.ClickAsync("#need-answer summary");
        var answer = await page.TextAsync("need-answer");
        Assert.Contains("You need tier 3, live", answer, StringComparison.Ordinal);
        Assert.Contains("at most 200 ms", answer, StringComparison.Ordinal);
        Assert.Contains("You would take 5 s, but", answer, StringComparison.Ordinal);
        Assert.Contains("robot hand study", answer, StringComparison.Ordinal);
        Assert.Contains("schema: live-ai-video-requirement/1", answer, StringComparison.Ordinal);
        await Studio.PictureAsync(page.Page, "probe-need");
        await Studio.ReadableAsync(page.Page, "requirement");
    }

    [Fact]
    public async Task A_probe_is_watched_while_it_runs_and_can_be_cancelled()
    {
        await using var page = await OpenAsync("probe");
        await page.Page.SelectOptionAsync("#probe-target", "echo");
        await page.Page.ClickAsync("#probe-run");
        await page.UntilAsync("/[1-9]\\d* pictures came back/.test(document.querySelector('#probe-shown').textContent)");
        await Studio.PictureAsync(page.Page, "probe-running");
        await page.Page.ClickAsync("#probe-cancel");
        await page.UntilAsync("document.querySelector('#probe-shown').textContent.includes('Cancelled')");
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_whole_probe_run_is_started_on_the_page_and_read_there()
    {
        await using var page = await OpenAsync("probe");
        await page.Page.ClickAsync("#probe-run");
        await page.UntilAsync("document.querySelector('.verdict h1') || " +
            "document.querySelector('#probe-shown').textContent.includes('failed')");
        await Studio.PictureAsync(page.Page, "probe-verdict");
        TestContext.Current.TestOutputHelper?.WriteLine(await page.TextAsync("probe-shown"));
        Assert.NotEmpty(await page.Page.InnerTextAsync(".verdict h1"));
    }

    [Fact]
    public async Task A_report_file_is_read_in_one_sentence_and_checked_against_a_requirement()
    {
        var folder = Directory.CreateTempSubdirectory("truelive-report").FullName;
        using (var probe = Process.Start("dotnet", [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "probe", "record", Footage.Clip,
            "--out", folder]))
            await probe.WaitForExitAsync(TestContext.Current.CancellationToken);
        await using var page = await OpenAsync("probe");
        await page.Page.SetInputFilesAsync("#probe-file", Path.Combine(folder, "report.json"));
        await page.UntilAsync("document.querySelector('.verdict h1')");
        Assert.NotEmpty(await page.Page.InnerTextAsync(".verdict h1"));
        await page.Page.SelectOptionAsync("#probe-preset", "video-call-filter");
        await page.Page.ClickAsync("#probe-check");
        await page.UntilAsync("/PASS|FAIL|INCONCLUSIVE/.test(document.querySelector('.verdict .result')?.textContent)");
        await Studio.PictureAsync(page.Page, "probe-report");
        await Studio.ReadableAsync(page.Page, "report");
        Directory.Delete(folder, recursive: true);
    }
}
