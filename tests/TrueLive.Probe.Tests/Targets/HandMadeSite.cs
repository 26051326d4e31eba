using System.Net;
using System.Text;

namespace TrueLive.Probe.Tests.Targets;

/// <summary>A web server on loopback whose pages behave as vendors' do.</summary>
internal sealed class HandMadeSite : IDisposable
{
    private const string Camera = "const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640 }, audio: true });";

    private const string Ready = "fetch('/said?ready');";

    // Answers each frame with a drawing of it, in the element that is given.
    private const string Draw = """
        function draw(camera, canvas) {
          const video = Object.assign(document.createElement('video'), { srcObject: camera, muted: true, autoplay: true });
          const context = canvas.getContext('2d');
          const step = () => { 
            context.filter = 'invert(1)';
            context.drawImage(video, 0, 0, canvas.width, canvas.height);
            video.requestVideoFrameCallback(step);
          };
          video.requestVideoFrameCallback(step);
        }
        """;

    private static readonly Dictionary<string, (int Status, string Html)> Pages = new()
    {
        ["/canvas"] = (200, Page("<canvas id=out width=320 height=180></canvas>",
            Camera + " draw(camera, document.querySelector('#out'));")),
        // The preview is larger than the answer, as on many pages; a window opens, a question is asked, and sound plays.
        ["/button"] = (200, Page("<video id=me autoplay muted style='width:400px'></video>" +
            "<video id=out autoplay muted style='width:320px'></video><button id=start>Start</button>", """
            document.querySelector('#start').onclick = async () => {
              if (!navigator.userActivation.isActive) return;
              open('/advertisement'); alert('Welcome'); new AudioContext().createOscillator().start();
              const devices = await navigator.mediaDevices.enumerateDevices();
              const camera = await navigator.mediaDevices.getUserMedia({
                video: { deviceId: devices.find(d => d.kind === 'videoinput').deviceId },
              });
              document.querySelector('#me').srcObject = camera;
              const canvas = document.createElement('canvas'); canvas.width = 320; canvas.height = 180;
              draw(camera, canvas);
              document.querySelector('#out').srcObject = canvas.captureStream();
            };
            """)),
        ["/never"] = (200, Page("<video id=me autoplay muted></video><canvas id=chart width=1 height=1></canvas>",
            Camera + """
             const me = document.querySelector('#me');
            me.srcObject = camera;
            me.requestVideoFrameCallback(() => fetch('/said?ready'));
            """)),
        ["/silent"] = (200, Page("<video id=film></video>", Ready)),
        ["/login"] = (200, Page("<form><input name=user><input type=password></form>", Ready)),
        ["/refused"] = (403, Page("<p>Not here.</p>", Ready)),
        ["/framed"] = (200, Page("<iframe src=/canvas></iframe>", "")),
        ["/hungry"] = (200, Page("<canvas id=out width=320 height=180></canvas>", Camera + """
             draw(camera, document.querySelector('#out'));
            const eaten = [];
            setInterval(() => eaten.push(new Uint8Array(64 << 20).fill(1)), 100);
            """)),
        ["/prompts"] = (200, Page("<canvas id=out width=320 height=180></canvas><form id=form><input id=prompt></form>", Camera + """
             draw(camera, document.querySelector('#out'));
            document.querySelector('#form').onsubmit = e => {
              e.preventDefault();
              fetch('/said?' + document.querySelector('#prompt').value);
            };
            """)),
    };

    private readonly HttpListener _listener = new();
    private readonly TaskCompletionSource<string> _said = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public HandMadeSite()
    {
        Address = $"http://127.0.0.1:{FreePort.Next()}";
        _listener.Prefixes.Add(Address + "/");
        _listener.Start();
        _ = ServeAsync();
    }

    public string Address { get; }

    /// <summary>The first prompt that a page sent, or that it is ready.</summary>
    public Task<string> Said => _said.Task;

    public void Dispose() => _listener.Close();

    // A vendor's page allows no connection but its own.
    private static string Page(string body, string script) =>
        "<!doctype html><meta charset=utf-8><meta http-equiv=Content-Security-Policy content=\"default-src 'self' 'unsafe-inline'\">" +
        $"<title>Vendor</title><body>{body}<script type=module>{Draw}{script}</script>";

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var context = await _listener.GetContextAsync();
                var url = context.Request.Url!;
                if (url.AbsolutePath == "/said")
                    _said.TrySetResult(Uri.UnescapeDataString(url.Query.TrimStart('?')));
                var (status, html) = Pages.GetValueOrDefault(url.AbsolutePath, (404, ""));
                context.Response.StatusCode = status;
                context.Response.ContentType = "text/html; charset=utf-8";
                await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(html));
                context.Response.Close();
            }
        }
        catch (Exception ended) when (ended is HttpListenerException or ObjectDisposedException or InvalidOperationException)
        {
        }
    }
}
