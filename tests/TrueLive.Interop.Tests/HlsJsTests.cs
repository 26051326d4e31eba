using System.Text.Json;
using Microsoft.Playwright;

namespace TrueLive.Interop.Tests;

/// <summary>hls.js in Chromium plays what a session makes, part by part.</summary>
public sealed class HlsJsTests
{
    // Milliseconds that only a hang reaches.
    private const float Patience = 300_000;

    private const string Play =
        """
        async () => {
          const { default: Hls } = await import('/hls.js/hls.min.mjs');
          const [width, height, bits] = [512, 288, 16], cell = width / (bits + 2);
          const canvas = Object.assign(document.createElement('canvas'), { width, height }), pen = canvas.getContext('2d');
          const painted = new Map();
          let n = 0;
          // Black, white, and a number in between, in cells along the lower edge.
          const paint = () => {
            pen.fillStyle = `hsl(${n} 60% 50%)`; pen.fillRect(0, 0, width, height);
            for (let c = 0; c < bits + 2; c++) {
              pen.fillStyle = (c < bits ? (n >> c) & 1 : c === bits) ? '#f0f0f0' : '#101010';
              pen.fillRect(Math.floor(c * cell), height - 32, Math.ceil(cell), 32);
            }
            painted.set(n++, performance.now());
          };
          paint();
          setInterval(paint, 33);
          const stream = canvas.captureStream(30), peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
          peer.addTransceiver(stream.getVideoTracks()[0], { direction: 'sendonly', streams: [stream] });
          await peer.setLocalDescription();
          await new Promise((done) => { peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done(); });
          const ask = async (url, type, body) => {
            const answer = await fetch(url, { method: 'POST', headers: { 'Content-Type': type }, body });
            if (answer.status !== 201) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
            return answer;
          };
          const address = `/whip?model=passthrough&size=${width}x${height}&codec=h264`;
          const whip = await ask(address, 'application/sdp', peer.localDescription.sdp);
          await peer.setRemoteDescription({ type: 'answer', sdp: await whip.text() });
          const session = new URL(whip.headers.get('Location'), location).pathname.split('/')[2];
          const output = await (await ask(`/v1/sessions/${session}/outputs`, 'application/json',
            JSON.stringify({ target: 'hls', keyframe_s: 2 }))).json();

          window.seen = { parts: 0, delays: [], errors: [] };
          const video = Object.assign(document.createElement('video'), { muted: true, autoplay: true });
          document.body.append(video);
          const small = Object.assign(document.createElement('canvas'), { width, height });
          const eye = small.getContext('2d', { willReadFrequently: true });
          const look = () => {
            video.requestVideoFrameCallback(look);
            eye.drawImage(video, 0, 0, width, height);
            const row = eye.getImageData(0, height - 16, width, 1).data;
            const luma = (c) => row[4 * Math.round((c + 0.5) * cell) + 1];
            const middle = (luma(bits) + luma(bits + 1)) / 2;
            let number = 0;
            for (let c = 0; c < bits; c++) if (luma(c) > middle) number |= 1 << c;
            if (painted.has(number)) seen.delays.push(performance.now() - painted.get(number));
          };
          video.requestVideoFrameCallback(look);
          window.hls = new Hls({ lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.5, enableWorker: false });
          hls.on(Hls.Events.FRAG_BUFFERED, (_, { part }) => { if (part) seen.parts++; });
          // A machine that stands still for seconds is no reason to give up.
          hls.on(Hls.Events.ERROR, (_, { details, fatal }) => {
            seen.errors.push(details);
            if (fatal) setTimeout(() => hls.loadSource(output.low_latency_playlist), 1000);
          });
          hls.loadSource(output.low_latency_playlist);
          hls.attachMedia(video);
        }
        """;

    [Fact]
    [Trait("Run", "full")]
    public async Task Low_latency_HLS_is_played_part_by_part()
    {
        await using var server = await ServerProcess.StartAsync("--max-sessions", "4");
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = "/usr/bin/chromium",
            Timeout = Patience,
            Args = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
        });
        var page = await browser.NewPageAsync();
        page.SetDefaultTimeout(Patience);
        var script = Path.Combine(ForeignClient.Folder, "node_modules", "hls.js", "dist", "hls.min.mjs");
        await page.RouteAsync("**/hls.js/hls.min.mjs", route => route.FulfillAsync(new RouteFulfillOptions
        { ContentType = "text/javascript", Body = File.ReadAllText(script) }));
        await page.RouteAsync("**/player", route => route.FulfillAsync(new RouteFulfillOptions
        { ContentType = "text/html", Body = "<body>" }));
        await page.GotoAsync(server.Address + "/player");
        await page.EvaluateAsync(Play);
        try
        {
            await page.WaitForFunctionAsync("seen.parts >= 20 && seen.delays.length >= 60", null,
                new PageWaitForFunctionOptions { PollingInterval = 50 });
        }
        catch (TimeoutException)
        {
            Assert.Fail($"Not in five minutes: {await page.EvaluateAsync<JsonElement>("seen")}\n{server.Log}");
        }
        Assert.Equal("1.05 0.35", await page.EvaluateAsync<string>(
            "(({ partHoldBack, partTarget }) => `${partHoldBack} ${partTarget}`)(hls.levels[0].details)"));
        TestContext.Current.TestOutputHelper?.WriteLine(await page.EvaluateAsync<string>(
            """
            `${seen.parts} parts; delay of ${seen.delays.length} pictures, ms: ${seen.delays.sort((a, b) => a - b).map(Math.round)
              .filter((_, i, all) => i % Math.ceil(all.length / 10) === 0)}; latency ${hls.latency} s; errors: ${seen.errors}`
            """));
    }
}
