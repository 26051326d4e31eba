using System.Text.Json;
using Microsoft.Playwright;

namespace TrueLive.Interop.Tests;

/// <summary>
/// The npm client whip-whep in Chromium: one page sends its picture (WHIP), and watches what the server makes of it (WHEP).
/// </summary>
public sealed class WhipWhepTests
{
    // Milliseconds that only a hang reaches.
    private const float Patience = 300_000;

    private const string Publish =
        """
        async (url) => {
          const { WHIPClient } = await import('/whip-whep/whip.js');
          const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
          const pen = canvas.getContext('2d');
          let n = 0;
          setInterval(() => {
            const fill = pen.createLinearGradient(0, 0, 640, 360);
            fill.addColorStop(0, '#e04020'); fill.addColorStop(0.5, '#30c040'); fill.addColorStop(1, '#f0c030');
            pen.fillStyle = fill; pen.fillRect(0, 0, 640, 360);
            pen.fillStyle = '#20d0f0'; pen.fillRect((n++ * 5) % 600, 120, 60, 120);
          }, 33);
          const stream = canvas.captureStream(30);
          const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
          peer.addTransceiver(stream.getVideoTracks()[0], { direction: 'sendonly', streams: [stream] });
          window.whip = new WHIPClient();
          await whip.publish(peer, url);
          return whip.resourceURL.pathname.split('/')[2];
        }
        """;

    private const string Watch =
        """
        async (url) => {
          const { WHEPClient } = await import('/whip-whep/whep.js');
          const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
          peer.addTransceiver('video', { direction: 'recvonly' });
          window.view = Object.assign(document.createElement('video'), { muted: true, autoplay: true });
          peer.ontrack = ({ track }) => { view.srcObject = new MediaStream([track]); };
          window.shown = 0;
          const count = () => { shown++; view.requestVideoFrameCallback(count); };
          view.requestVideoFrameCallback(count);
          window.whep = new WHEPClient();
          await whep.view(peer, url);
        }
        """;

    private const string Look =
        """
        () => {
          const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 36 });
          const pen = canvas.getContext('2d');
          pen.drawImage(view, 0, 0, 64, 36);
          const { data } = pen.getImageData(0, 0, 64, 36);
          let saturation = 0;
          for (let i = 0; i < data.length; i += 4) saturation += Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]);
          return saturation * 4 / data.length;
        }
        """;

    [Theory]
    [InlineData("h264")]
    [InlineData("vp8")]
    public async Task A_page_publishes_and_watches(string codec)
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
        var folder = Path.Combine(ForeignClient.Folder, "node_modules", "whip-whep");
        await page.RouteAsync("**/whip-whep/*.js", route => route.FulfillAsync(new RouteFulfillOptions
        {
            ContentType = "text/javascript",
            Body = File.ReadAllText(Path.Combine(folder, Path.GetFileName(new Uri(route.Request.Url).AbsolutePath))),
        }));
        await page.GotoAsync(server.Address + "/healthz");

        var session = await page.EvaluateAsync<string>(Publish,
            $"{server.Address}/whip?model=live-tiny&size=256x144&prompt=noir&codec={codec}");
        await page.EvaluateAsync(Watch, $"{server.Address}/whep/{session}?codec={codec}");
        await Until("shown > 30");
        var saturation = await page.EvaluateAsync<double>(Look);
        Assert.True(saturation < 70, $"'noir' is not without colour: mean saturation {saturation:0}");

        await page.EvaluateAsync("async () => { await whep.stop(); await whip.stop(); }");
        await Until("fetch('/v1/sessions').then((r) => r.json()).then((r) => r.sessions.length === 0)");

        async Task Until(string condition)
        {
            try
            {
                await page.WaitForFunctionAsync(condition, null,
                    new PageWaitForFunctionOptions { PollingInterval = 50 });
            }
            catch (TimeoutException)
            {
                const string State =
                    "({ shown: window.shown, whip: whip.pc?.connectionState, whep: window.whep?.pc?.connectionState })";
                Assert.Fail($"Not in five minutes: {condition}\n{await page.EvaluateAsync<JsonElement>(State)}\n{server.Log}");
            }
        }
    }
}
