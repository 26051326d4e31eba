using System.Diagnostics;
using System.Text.Json;
using TrueLive.Core.Tiers;

namespace TrueLive.EndToEnd.Tests;

/// <summary>The Live screen and who watches it.</summary>
[Collection(nameof(Browser))]
public sealed class StudioLiveTests(Browser browser, Studio studio)
{
    [Fact]
    public async Task The_built_in_scene_comes_back_without_specks_behind_what_moved()
    {
        var server = studio.Server;
        await using var page = await browser.OpenAsync(server);
        await page.StartAsync("scene", "passthrough", "384x216");
        // The sun has moved by its own width by then.
        await page.UntilAsync("trueLive.figures.shown.count && performance.now() - trueLive.session.startedAt > 6000");
        // Above the head there are only the sky and the sun, so a small spot brighter or darker than its surroundings on all four sides is
        // a speck. A picture that is coarse because of the link or a busy machine is followed by better ones; specks of the encoder stay.
        await page.Page.EvaluateAsync("""
            window.specks = () => {
              const view = trueLive.transport.view, canvas = new OffscreenCanvas(view.videoWidth, view.videoHeight), pen = canvas.getContext('2d');
              pen.drawImage(view, 0, 0);
              const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height);
              const at = (x, y) => data[4 * (y * width + x)] + data[4 * (y * width + x) + 1] + data[4 * (y * width + x) + 2];
              let found = 0;
              for (let y = Math.round(0.05 * height); y < 0.42 * height; y++)
                for (let x = 8; x < width - 8; x++) {
                  const sides = [at(x, y - 4), at(x, y + 4), at(x - 8, y), at(x + 8, y)].map((side) => at(x, y) - side);
                  if (sides.every((d) => d > 40) || sides.every((d) => d < -40)) found++;
                }
              return found;
            }
            """);
        await page.UntilAsync("specks() <= 3");
    }

    [Fact]
    public async Task Looks_are_thumbnails_of_the_users_own_frame_made_by_the_network()
    {
        await using var page = await browser.OpenAsync(studio.Server);
        await page.UntilAsync("document.querySelector('#looks-note').textContent.startsWith('the built-in scene')");
        await page.StartAsync("camera", "passthrough", "384x216");
        await page.PicturesAsync(3);
        await page.Page.SelectOptionAsync("#model", "live-tiny");
        await page.UntilAsync("document.querySelector('#looks-note').textContent.startsWith('your frame')");
        // The content of the thumbnails, read from the pixels that the page shows.
        var looks = await page.EvalAsync<JsonElement>(
            """
            (async () => {
              const one = async (id) => {
                const style = document.querySelector(`[data-look="${id}"]`).style;
                const image = new Image();
                image.src = style.backgroundImage.slice(5, -2);
                await image.decode();
                const [columns, rows] = style.backgroundSize.split(' ').map((s) => Math.round(parseFloat(s) / 100));
                const [px, py] = style.backgroundPosition.split(' ').map((s) => parseFloat(s) / 100);
                const canvas = Object.assign(document.createElement('canvas'), { width: 192, height: 108 });
                const pen = canvas.getContext('2d');
                pen.drawImage(image, -Math.round(px * (columns - 1)) * 192, -Math.round(py * (rows - 1)) * 108);
                const { data } = pen.getImageData(0, 0, 192, 108);
                let [r, g, b, s] = [0, 0, 0, 0];
                for (let i = 0; i < data.length; i += 4) {
                  r += data[i]; g += data[i + 1]; b += data[i + 2];
                  s += Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]);
                }
                return [r, g, b, s].map((v) => v / (data.length / 4));
              };
              return [await one('identity'), await one('noir'), await one('underwater')];
            })()
            """);
        double At(int look, int of) => looks[look][of].GetDouble();
        Assert.True(At(1, 3) < 0.5 * At(0, 3) + 4, $"noir has no colour: {looks}");
        Assert.True(At(2, 2) > At(2, 0) + 15, $"underwater is blue: {looks}");
    }

    [Fact]
    public async Task A_prompt_is_followed_until_it_is_in_the_picture_and_unknown_words_are_said()
    {
        await using var page = await browser.OpenAsync(studio.Server);
        await page.StartAsync("scene", "live-tiny", "384x216");
        await page.PicturesAsync(3);
        await page.Page.EvaluateAsync("() => { window.marks = []; const mark = document.querySelector('#first-mark'); new " +
            "MutationObserver(() => marks.push(mark.hidden ? 'gone' : mark.textContent)).observe(mark, { attributes: true }); }");
        await page.Page.FillAsync("#prompt", "ink xyzzyq");
        await page.Page.PressAsync("#prompt", "Enter");
        await page.UntilAsync("document.querySelector('#prompt-trace').textContent.includes('in the picture after')");
        await page.UntilAsync("marks.at(-1) === 'gone'");
        Assert.Equal("First picture of “ink xyzzyq”, gone", await page.EvalAsync<string>("marks.join(', ')"));
        Assert.Contains("Not understood: xyzzyq", await page.TextAsync("reading"), StringComparison.Ordinal);
        // The prompt is offered again later.
        await page.Page.FillAsync("#prompt", "xyz");
        Assert.Contains("ink xyzzyq", await page.TextAsync("suggestions"), StringComparison.Ordinal);
        await page.Page.PressAsync("#prompt", "ArrowDown");
        await page.Page.PressAsync("#prompt", "Enter");
        Assert.Equal("ink xyzzyq", await page.Page.InputValueAsync("#prompt"));
    }

    [Fact]
    public async Task Strength_takes_the_look_back_and_a_transition_brings_it_slowly()
    {
        await using var page = await browser.OpenAsync(studio.Server, "ws");
        await page.StartAsync("scene", "live-tiny", "384x216");
        await page.PicturesAsync(3);
        await page.PromptAsync("noir");
        var grey = (await page.LooksAsync()).Output.Saturation;
        await page.Page.FillAsync("#strength", "0");
        await page.UntilAsync("trueLive.transport.session.prompt.strength === 0");
        var revision = await page.EvalAsync<long>("trueLive.transport.session.prompt.revision");
        await page.UntilAsync($"trueLive.figures.lastTrace.revision >= {revision}");
        var shown = await page.EvalAsync<int>("trueLive.figures.lastTrace.output");
        await page.UntilAsync($"trueLive.figures.lastTrace.output > {shown + 15}");
        var colour = (await page.LooksAsync()).Output.Saturation;
        Assert.True(colour > grey + 30, $"without strength the colours are back: {grey} became {colour}");
        await page.Page.FillAsync("#strength", "1");
        await page.PromptAsync("underwater");
        var water = (await page.LooksAsync()).Output.Saturation;
        // As long as the server takes, so that a machine that stands still for seconds shows some of it all the same.
        await page.Page.EvaluateAsync("() => { document.querySelector('#transition').max = 10000; }");
        await page.Page.FillAsync("#transition", "10000");
        await page.Page.FillAsync("#prompt", "noir");
        await page.Page.PressAsync("#prompt", "Enter");
        // A picture between the two looks, which a switch would never show.
        double now;
        do
            now = (await page.LooksAsync()).Output.Saturation;
        while (now > water - 0.2 * (water - grey));
        Assert.InRange(now, grey + 10, water);
    }

    [Fact]
    public async Task Two_looks_are_mixed_on_the_pad_by_keys_alone()
    {
        await using var page = await browser.OpenAsync(studio.Server);
        await page.StartAsync("scene", "live-tiny", "384x216");
        await page.PicturesAsync(3);
        await page.Page.Locator("body").PressAsync("b");
        await page.Page.FocusAsync("#pad-handle");
        var before = await page.Page.GetAttributeAsync("#pad-handle", "aria-valuetext");
        for (var i = 0; i < 6; i++)
            await page.Page.Keyboard.PressAsync("ArrowRight");
        var after = await page.Page.GetAttributeAsync("#pad-handle", "aria-valuetext");
        Assert.NotEqual(before, after);
        await page.UntilAsync("document.querySelectorAll('#looks [data-share]').length === 2");
        await page.UntilAsync("trueLive.figures.lastTrace.revision > 1");
        Assert.Matches(@"^\([a-z-]+:0\.\d\d\) \([a-z-]+:0\.\d\d\)$", await page.Page.InputValueAsync("#prompt"));
    }

    [Fact]
    public async Task The_truth_strip_explains_each_figure_and_its_parts_add_up()
    {
        await using var page = await browser.OpenAsync(studio.Server);
        await page.StartAsync("scene", "live-tiny", "384x216");
        await page.PicturesAsync(10);
        await page.UntilAsync("trueLive.figures.latency.count > 5 && trueLive.figures.parts()[0].ms !== null");
        foreach (var name in new[] { "tier", "glass", "rate", "repeats", "drops", "way", "session" })
        {
            await page.Page.ClickAsync($".facts > .{name}");
            Assert.True((await page.TextAsync("explain")).Length > 60, $"{name} is explained");
        }
        await page.UntilAsync("Math.abs(trueLive.figures.parts().reduce((s, p) => s + (p.ms ?? 0), 0) / " +
            "trueLive.figures.latency.quantile(0.5) - 1) < 0.3");
        await page.Page.ClickAsync("#pause");
        await page.UntilAsync("document.querySelector('#picture-mark').textContent.startsWith('Paused')");
        Assert.Equal("frozen", await page.EvalAsync<string>("document.querySelector('#stage').dataset.mark"));
        await page.Page.ClickAsync("#pause");
        await page.Page.SelectOptionAsync("#model", "passthrough");
        await page.UntilAsync("document.querySelector('#picture-mark').textContent.startsWith('Passed through')");
    }

    [Fact]
    public async Task Where_the_whole_is_not_measured_no_part_of_it_has_a_share()
    {
        await using var page = await browser.OpenAsync(studio.Server);
        // As in a browser that measures its own work and names no captures.
        await page.Page.EvaluateAsync("""
            async () => {
              const figures = new (await import('/stats.js')).Figures();
              figures.timings = { encode: 4, decode: 6, display: 5 };
              trueLive.truth.watch({ figures, state: 'live', startedAt: 0, transport: { session: {} } });
              document.querySelector('.facts > .way').click();
            }
            """);
        Assert.Equal("not measured not measured", await page.EvalAsync<string>(
            "['glass', 'way'].map((name) => document.querySelector(`.facts > .${name} .value`).textContent).join(' ')"));
        Assert.Equal(0, await page.EvalAsync<int>("document.querySelectorAll('#truth .way > i').length"));
        Assert.Contains("there are no shares", await page.TextAsync("explain"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_snapshot_and_a_recording_are_saved_and_the_view_can_be_split()
    {
        await using var page = await browser.OpenAsync(studio.Server);
        await page.StartAsync("scene", "live-tiny", "384x216");
        await page.PicturesAsync(5);
        var picture = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.ClickAsync("#snapshot"));
        Assert.EndsWith(".png", picture.SuggestedFilename, StringComparison.Ordinal);
        Assert.True(new FileInfo((await picture.PathAsync())!).Length > 2000);
        Assert.Equal(AiMark.SourceType, Exiftool.SourceTypeOf((await picture.PathAsync())!));
        await page.Page.ClickAsync("#record");
        await page.UntilAsync("document.querySelector('#record').getAttribute('aria-pressed') === 'true'");
        var from = await page.EvalAsync<int>("trueLive.figures.lastTrace.output");
        await page.UntilAsync($"trueLive.figures.lastTrace.output > {from + 20}");
        // The recording is written to a file, not kept in the page's memory.
        Assert.Equal(1,
            await page.EvalAsync<int>("(async () => { let n = 0; for await (const name of (await " +
            "navigator.storage.getDirectory()).keys()) n += /^recording-[-0-9a-f]+$/.test(name); return n; })()"));
        var film = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.ClickAsync("#record"));
        Assert.True(new FileInfo((await film.PathAsync())!).Length > 2000);
        using var probe = Process.Start(new ProcessStartInfo(
            "ffprobe", ["-v", "error", "-show_format", (await film.PathAsync())!]) { RedirectStandardOutput = true })!;
        Assert.Contains(film.SuggestedFilename.EndsWith(".webm", StringComparison.Ordinal) ? AiMark.SourceType : "mp4",
            await probe.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await page.Page.Locator("body").PressAsync("v");
        Assert.Equal("split", await page.EvalAsync<string>("document.querySelector('#stage').dataset.view"));
        await page.Page.FillAsync("#split", "20");
        Assert.Equal("20%", await page.EvalAsync<string>("document.querySelector('#stage').style.getPropertyValue('--split')"));
    }

    [Fact]
    public async Task A_recording_on_the_server_is_begun_stopped_played_and_deleted_and_whoever_is_filmed_sees_it()
    {
        await using var page = await browser.OpenAsync(studio.Server);
        await page.StartAsync("scene", "passthrough", "384x216");
        await page.PicturesAsync(5);
        await page.Page.ClickAsync("#recordings > summary");
        await page.Page.ClickAsync("#server-record:text('Record this session')");
        await page.UntilAsync("!document.querySelector('#journal-mark').hidden");
        Assert.True(await page.Page.IsVisibleAsync("#journal-mark"));
        await page.UntilAsync("/ [1-9][0-9.]* (kB|MB)/.test(document.querySelector('[data-recording=true] p')?.textContent ?? '')");
        await Studio.PictureAsync(page.Page, "recording-on");
        await Studio.ReadableAsync(page.Page, "recording-on");
        await page.Page.ClickAsync("#server-record:text('Stop recording')");
        await page.UntilAsync("document.querySelector('#journal-mark').hidden");
        await page.UntilAsync("document.querySelector('[data-recording=false] p').textContent.includes('It was stopped.')");
        await page.Page.ClickAsync("[data-recording=false] >> text=Play");
        var url = await page.EvalAsync<string>("document.querySelector('.recordings video').src");
        Assert.Equal(206, await page.EvalAsync<int>($"fetch('{url}', {{ headers: {{ Range: 'bytes=0-9' }} }}).then((r) => r.status)"));
        // It can be deleted without a session, too.
        await page.Page.ClickAsync("#start");
        await page.UntilAsync("trueLive.transport === null && document.querySelector('#server-record').disabled");
        await page.Page.ClickAsync("[data-recording=false] >> text=Delete");
        await page.UntilAsync("!document.querySelector('[data-recording]')");
        Assert.Equal(404, await page.EvalAsync<int>($"fetch('{url}', {{ cache: 'no-store' }}).then((r) => r.status)"));
    }

    [Fact]
    public async Task The_output_is_seen_mirrored_beside_its_input_full_screen_with_its_figures_and_in_a_small_window()
    {
        await using var page = await browser.OpenAsync(studio.Server, "webrtc");
        await page.StartAsync("camera", "passthrough", "384x216");
        await page.PicturesAsync(5);
        Assert.Equal("true", await page.Page.GetAttributeAsync("#mirror", "aria-pressed"));
        await page.Page.ClickAsync("#mirror");
        Assert.False(await page.EvalAsync<bool>("document.querySelector('#stage').classList.contains('mirrored')"));
        await page.Page.CheckAsync("#view input[value=side]");
        var (input, output) = ((await page.Page.Locator("#input").BoundingBoxAsync())!,
            (await page.Page.Locator("#output").BoundingBoxAsync())!);
        Assert.True(input.X + input.Width <= output.X || output.X + output.Width <= input.X, "the pictures lie beside each other");
        await page.Page.ClickAsync("#fullscreen");
        await page.UntilAsync("document.fullscreenElement?.id === 'stage' && /glass to glass (\\d|not measured).* generated \\/ " +
            "delivered \\d/.test(document.querySelector('#stage-facts').textContent)");
        Assert.True(await page.Page.IsVisibleAsync("#stage-facts"));
        await page.Page.Keyboard.PressAsync("f");
        await page.UntilAsync("document.fullscreenElement === null");
        await page.Page.ClickAsync("#pip");
        await page.UntilAsync("document.pictureInPictureElement === trueLive.transport.view");
        await page.Page.ClickAsync("#pip");
        await page.UntilAsync("document.pictureInPictureElement === null");
    }

    [Fact]
    public async Task Another_camera_and_a_shared_screen_are_taken_while_the_session_runs()
    {
        // The browser has a single fake camera: a second name refers to it too, and the requested one is recorded.
        await using var page = await browser.OpenAsync(studio.Server, "ws", script:
            """
            const media = navigator.mediaDevices, [list, get] = [media.enumerateDevices.bind(media), media.getUserMedia.bind(media)];
            media.enumerateDevices = async () => [...await list(), { kind: 'videoinput', deviceId: 'second', label: 'Second camera' }];
            media.getUserMedia = ({ video }) => ((window.asked = video.deviceId?.exact), get({ video: { ...video, deviceId: undefined } }));
            """);
        await page.StartAsync("camera", "passthrough", "384x216");
        await page.PicturesAsync(3);
        await page.UntilAsync("document.querySelector('#device').options.length === 2 && " +
            "document.querySelector('#device').checkVisibility()");
        await page.Page.SelectOptionAsync("#device", "second");
        await page.UntilAsync("asked === 'second' && trueLive.session.state === 'live'");
        await page.PicturesAsync(3);
        await page.Page.SelectOptionAsync("#source", "screen");
        await page.UntilAsync("trueLive.session.state === 'live' && trueLive.session.kind === 'screen'");
        await page.PicturesAsync(3);
        // Only a camera is a mirror.
        Assert.Equal("false", await page.Page.GetAttributeAsync("#mirror", "aria-pressed"));
    }

    [Fact]
    public async Task On_a_phone_every_figure_of_the_truth_strip_can_be_reached()
    {
        await using var page = await browser.OpenAsync(studio.Server, width: 390, height: 844);
        foreach (var name in new[] { "tier", "glass", "rate", "repeats", "drops", "way", "session" })
        {
            await page.Page.Locator($".facts > .{name}").ScrollIntoViewIfNeededAsync();
            Assert.True(await page.Page.IsVisibleAsync($".facts > .{name} .value"), name);
        }
        Assert.True(await page.EvalAsync<bool>("document.documentElement.scrollWidth <= 390"), "the page is wider than a phone");
        Assert.True(await page.Page.IsVisibleAsync("#state"));
    }

    [Fact]
    public async Task A_session_that_is_recorded_says_so_on_its_picture_and_the_record_can_be_deleted()
    {
        await using var page = await browser.OpenAsync(studio.Server);
        await page.StartAsync("scene", "passthrough", "384x216");
        await page.PicturesAsync(3);
        Assert.False(await page.Page.IsVisibleAsync("#journal-mark"));
        // A journal that somebody else with the same key began is shown too.
        await page.EvalAsync<JsonElement>("fetch(`/v1/sessions/${trueLive.transport.session.session}/journal`, { method: 'POST' " +
            "}).then((r) => r.json())");
        await page.UntilAsync("!document.querySelector('#journal-mark').hidden && " +
            "document.querySelector('#journal-bar').textContent.startsWith('The server records')");
        Assert.True(await page.Page.IsVisibleAsync("#journal-mark"));
        await page.UntilAsync("trueLive.figures.server.journal.frames > 10");
        await Studio.PictureAsync(page.Page, "journal-on");
        await page.Page.ClickAsync("#journal");
        await page.UntilAsync("document.querySelector('#journal-mark').hidden && " +
            "document.querySelector('#journal-bar').textContent.startsWith('The server keeps')");
        await Studio.PictureAsync(page.Page, "journal-kept");
        await page.Page.ClickAsync("#journal-bar button:text('Delete')");
        await page.UntilAsync("document.querySelector('#journal-bar').hidden");
        Assert.Equal(0, await page.EvalAsync<int>("fetch('/v1/journals').then((r) => r.json()).then((j) => j.journals.length)"));
    }

    [Fact]
    public async Task A_viewer_sees_the_session_with_a_truth_strip_of_its_own()
    {
        await using var page = await browser.OpenAsync(studio.Server, "webrtc");
        await page.StartAsync("scene", "passthrough", "384x216");
        await page.PicturesAsync(5);
        await page.Page.ClickAsync("#share");
        await page.UntilAsync("document.querySelector('#sheet').textContent.includes('curl -X PATCH')");
        Assert.Contains("works on this machine only", await page.TextAsync("sheet"), StringComparison.Ordinal);
        var address = await page.EvalAsync<string>("document.querySelector('#sheet code').textContent");
        await page.Page.ClickAsync("#obs");
        await page.UntilAsync("document.querySelector('#sheet').textContent.includes('/whip/')");
        var viewer = await page.Page.Context.NewPageAsync();
        await viewer.GotoAsync(address);
        Assert.True(await LivePage.HoldsAsync(viewer,
            "trueLive.figures.delivered.count > 5 && trueLive.figures.lastOrigin === 'passed_through'"));
        Assert.True(await LivePage.HoldsAsync(viewer, "document.querySelector('#truth').innerText.includes('Passed through')"));
        Assert.Contains("not measured", await viewer.InnerTextAsync("#truth .glass"), StringComparison.Ordinal);
        await Studio.PictureAsync(viewer, "viewer");
        await Studio.ReadableAsync(viewer, "viewer");
        // Changes made meanwhile are shown to the viewer too.
        await page.Page.Keyboard.PressAsync("Escape");
        await page.Page.FillAsync("#prompt", "a new prompt");
        await page.Page.PressAsync("#prompt", "Enter");
        Assert.True(await LivePage.HoldsAsync(viewer, "document.querySelector('#state').textContent.includes('a new prompt')"));
        await page.Page.ClickAsync("#start");
        Assert.True(await LivePage.HoldsAsync(viewer, "!document.querySelector('#trouble').hidden"));
    }
}
