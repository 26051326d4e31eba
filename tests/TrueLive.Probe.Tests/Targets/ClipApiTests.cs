using System.Diagnostics;
using System.Net;
using System.Text;
using TrueLive.Probe.Clips;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Tests.Targets;

/// <summary>A clip service on this machine, well-behaved or not.</summary>
public sealed class ClipApiTests : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("probe-clips-").FullName;
    private readonly string _root;
    private readonly Dictionary<string, byte[]> _clips = [];
    private readonly HashSet<string> _refused = [];
    private string _bad = "";
    private string _prompt = "";
    private int _polls;

    public ClipApiTests()
    {
        _root = $"http://127.0.0.1:{FreePort.Next()}/";
        _listener.Prefixes.Add(_root);
        _listener.Start();
        _ = ServeAsync();
    }

    public void Dispose()
    {
        _listener.Close();
        Directory.Delete(_folder, true);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_fast_service_that_answers_its_prompt_is_tier_2()
    {
        _clips["warm"] = Clip("testsrc2=size=160x90:rate=15:duration=1");
        _clips["cold"] = Clip("mandelbrot=size=160x90:rate=15 -t 1");
        var report = await RunAsync(Service());
        Assert.Equal("T2", report.Verdict.Tier);
        Assert.Equal(12, report.Metrics["clip.len"].N);
        Assert.InRange(report.Metrics["clip.len"].Value!.Value, 0.9, 1.1);
        Assert.True(report.Metrics["prompt.p"].Value <= 0.01);
        Assert.True(File.Exists(Path.Combine(_folder, "report.html")));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_busy_service_is_asked_again_when_it_says_and_the_wait_is_not_its_turnaround()
    {
        _bad = "busy";
        _clips["warm"] = Clip("testsrc2=size=160x90:rate=15:duration=1");
        _clips["cold"] = Clip("mandelbrot=size=160x90:rate=15 -t 1");
        var heard = new List<string>();
        var report = await RunAsync(Service(), heard.Add);
        Assert.False(report.Run.Incomplete, report.Run.EndedBecause);
        Assert.Contains(heard, h => h.Contains("answered 429", StringComparison.Ordinal)
            && h.EndsWith("Retrying in 1 s.", StringComparison.Ordinal));
        Assert.Contains(heard, h => h.Contains("answered 502", StringComparison.Ordinal)
            && h.EndsWith("Retrying in 0.1 s.", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_service_that_always_sends_the_same_clip_is_not_proven()
    {
        _clips["warm"] = _clips["cold"] = Clip("testsrc2=size=160x90:rate=15:duration=1");
        Assert.Equal("not proven", (await RunAsync(Service())).Verdict.Tier);
    }

    [Theory]
    [InlineData("loop", "redirects more than 5 times")]
    [InlineData("file", "not followed")]
    [InlineData("huge", "limits.megabytes")]
    [InlineData("endless", "limits.megabytes")]
    [InlineData("long json", "more than 4 MiB")]
    [InlineData("no json", "not JSON")]
    [InlineData("no job", "nothing at /id")]
    [InlineData("failed", "'failed'")]
    [InlineData("never", "limits.seconds")]
    [InlineData("garbage", "no video")]
    [InlineData("500", "answered 500")]
    [InlineData("busy for long", "come back in 900 s")]
    [InlineData("busy without a time", "answered 429")]
    [InlineData("no poll", "stayed so for 5 retries")]
    public async Task A_service_that_misbehaves_is_a_clear_error(string bad, string words)
    {
        _bad = bad;
        _clips["warm"] = _clips["cold"] = [1, 2, 3];
        var error = await Assert.ThrowsAsync<TargetException>(() => RunAsync(Service(seconds: bad == "never" ? 1 : 20)));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_that_hangs_up_is_told_of_in_words()
    {
        using var server = new HandMadeServer(_ => null);
        var service = ClipApi.Read("x.yaml", $"schema: {ClipApi.Schema}\nname: x\nsubmit: {{url: \"{server.Address}\"}}\nresult: /u\n");
        var error = await Assert.ThrowsAsync<TargetException>(() => RunAsync(service));
        Assert.Equal("x closed the connection without an answer.", error.Message);
    }

    [Theory]
    [InlineData("submit: {url: \"ftp://x\"}", "url", "must begin with http://")]
    [InlineData("submit: {url: \"http://x\", metod: GET}", "metod", "allowed: method, url, headers, json")]
    [InlineData("submit: {url: \"http://x\"}\njob: id\nresult: /u", "job", "JSON pointer")]
    [InlineData("submit: {url: \"http://x\"}", "result", "either result")]
    [InlineData("submit: {url: \"http://x\"}\nresult: /u\nlimits: {seconds: 0}", "seconds", "from 1 to 3600")]
    public void A_bad_description_is_named_by_file_line_key_and_what_is_allowed(string text, string key, string words)
    {
        var error = Assert.Throws<ClipApiException>(() => ClipApi.Read("mine.yaml", $"schema: {ClipApi.Schema}\nname: x\n{text}\n"));
        Assert.StartsWith("mine.yaml:", error.Message, StringComparison.Ordinal);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[", 100_000)]
    [InlineData("{a: ", 30_000)]
    public void A_description_that_is_nested_without_end_is_refused(string open, int times)
    {
        var error = Assert.Throws<ClipApiException>(() =>
            ClipApi.Read("deep.yaml", "submit: " + string.Concat(Enumerable.Repeat(open, times))));
        Assert.Contains("nesting", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_description_whose_aliases_multiply_is_refused() =>
        Assert.Contains("aliases", Assert.Throws<ClipApiException>(() =>
            ClipApi.Read("laughs.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_description_that_needs_a_key_says_which_variable()
    {
        var service = ClipApi.Read("x.yaml",
            $"schema: {ClipApi.Schema}\nname: x\nsubmit: {{url: \"http://x\", headers: {{A: " +
            $"\"${{env:TRUELIVE_TEST_NO_SUCH_KEY}}\"}}}}\nresult: /u\n");
        var error = Assert.Throws<TargetException>(() => new ClipClient(service, TimeProvider.System));
        Assert.Contains("TRUELIVE_TEST_NO_SUCH_KEY", error.Message, StringComparison.Ordinal);
    }

    private (int Status, string? After)? Busy(string path) => (_bad, path) switch
    {
        ("busy", "/jobs") when _refused.Add(path) => (429, "1"),
        ("busy", "/jobs/j1") when _refused.Add(path) => (502, null),
        ("busy for long", _) => (429, "900"),
        ("busy without a time", _) => (429, null),
        ("no poll", "/jobs/j1") => (503, null),
        _ => null,
    };

    private Task<TrueLive.Probe.Reports.ProbeReport> RunAsync(ClipApi service, Action<string>? say = null) =>
        ClipProbe.RunAsync(service, new ProbeSessionOptions
        {
            Profile = ProbeProfile.Quick,
            Seed = ProbeSeed.From("clips"),
            Folder = _folder,
            Run = new ProbeRunOptions { PromptA = "warm", PromptB = "cold" },
        }, TimeProvider.System, say, TestContext.Current.CancellationToken);

    private ClipApi Service(int seconds = 20) => ClipApi.Read("test.yaml", $$$"""
        schema: live-ai-video-clips/1
        name: test
        submit: {url: "{{{_root}}}jobs", json: {prompt: "${prompt}", image: "${image}"}}
        job: /id
        poll: {url: "{{{_root}}}jobs/${job}", every: 0.1}
        result: /output/0
        limits: {seconds: {{{seconds}}}, megabytes: 1}
        """);

    private byte[] Clip(string source)
    {
        var path = Path.Combine(_folder, "source.mp4");
        using var ffmpeg = Process.Start("ffmpeg", ["-v", "error", "-y", "-f", "lavfi", "-i", .. source.Split(' '), "-c:v", "libx264",
            "-preset", "ultrafast", path]);
        ffmpeg.WaitForExit();
        return File.ReadAllBytes(path);
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
                await AnswerAsync(await _listener.GetContextAsync());
        }
        catch (Exception e) when (e is ObjectDisposedException or HttpListenerException or InvalidOperationException)
        {
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        var (request, response) = (context.Request, context.Response);
        try
        {
            var path = request.Url!.AbsolutePath;
            if (Busy(path) is { } busy)
            {
                response.StatusCode = busy.Status;
                if (busy.After is { } after)
                    response.Headers["Retry-After"] = after;
            }
            else if (path == "/jobs")
            {
                using var body = new StreamReader(request.InputStream);
                _prompt = (await body.ReadToEndAsync()).Contains("\"warm\"", StringComparison.Ordinal) ? "warm" : "cold";
                response.StatusCode = _bad == "500" ? 500 : 200;
                await WriteAsync(_bad switch
                {
                    "no json" => "<html>",
                    "no job" => "{}",
                    "long json" => new string('[', 5 << 20),
                    _ => "{\"id\":\"j1\"}"
                });
            }
            else if (path.StartsWith("/jobs/", StringComparison.Ordinal))
            {
                await WriteAsync(
                    $"{{\"status\":\"{(_bad == "failed" ? "failed" : _bad == "never" || ++_polls % 2 == 1 ? "running" : "succeeded")}\",\"output\":[\"{_root}clip\"]}}");
            }
            else if (_bad is "loop" or "file")
            {
                response.StatusCode = 302;
                response.Headers["Location"] = _bad == "loop" ? _root + "clip" : "file:///etc/passwd";
            }
            else if (_bad == "huge")
            {
                response.ContentLength64 = 10L << 30;
                await response.OutputStream.WriteAsync(new byte[1 << 16]);
            }
            else if (_bad == "endless")
            {
                response.SendChunked = true;
                for (var k = 0; k < 200_000; k++)
                    await response.OutputStream.WriteAsync(new byte[1 << 16]);
            }
            else
            {
                await response.OutputStream.WriteAsync(_clips[_prompt]);
            }
            response.Close();
        }
        catch (Exception e) when (e is IOException or HttpListenerException or InvalidOperationException)
        {
            response.Abort();
        }

        Task WriteAsync(string text) => response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(text)).AsTask();
    }
}
