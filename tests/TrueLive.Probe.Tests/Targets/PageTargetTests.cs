using TrueLive.Probe.Analysis;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Tests.Targets;

/// <summary>Adapter scripts in a real Chromium.</summary>
[Trait("Run", "browser")]
public sealed class PageTargetTests : IDisposable
{
    private const string Browser = "/usr/bin/chromium";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private readonly string _folder = Directory.CreateTempSubdirectory("probe-page-").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Theory]
    [InlineData("return stream;", false, Traits = ["Run", "full"])]
    [InlineData("return Object.assign(document.createElement('video'), { muted: true, autoplay: true, srcObject: stream });", true)]
    public async Task The_browsers_own_echo_answers_the_codes(string answer, bool display)
    {
        await using var target = Target($"export async function connect(stream) {{ {answer} }}");
        var profile = new ProbeProfile
        {
            Name = "test",
            Warmup = 1,
            Fast = 14,
            Slow = 0,
            Control = 0,
            Hold = 0,
            Blackout = 0,
            Redraws = 19,
        };
        var options = new ProbeRunOptions { Width = 320, Height = 180, Effort = new AnalysisEffort(19, 1) };
        var result = await new ProbeRun(target, profile, ProbeSeed.From("page"), TimeProvider.System, options)
            .RunAsync(null, TestContext.Current.CancellationToken);
        Assert.False(target.TakesPrompts);
        Assert.Equal(display, target.Description.Contains("as displayed", StringComparison.Ordinal));
        Assert.True(result.Seen.Count > 0, $"{result.Quality.EndedBecause}");
        // On a machine that is busy with other tests, the run may be invalid; then it must say so.
        Assert.True(result.Findings.Fast.Joint.Z > 12 || result.Quality.InvalidReasons().Count > 0,
            $"z {result.Findings.Fast.Joint.Z}, {result.Seen.Count} frames, {result.Quality.EndedBecause}");
    }

    [Theory]
    [InlineData("export async function connect() { throw new Error('the key is wrong'); }", "the key is wrong")]
    [InlineData("this is not javascript", "adapter.js")]
    [InlineData("export async function connect() { return new MediaStream(); }", "without a video track")]
    [InlineData("export function connect() { return new Promise(() => {}); }", "did not connect within", Traits = ["Run", "full"])]
    public async Task A_script_that_cannot_connect_is_a_clear_error(string script, string words)
    {
        await using var target = Target(script, words.StartsWith("did not", StringComparison.Ordinal) ? 12 : 300);
        var error = await Assert.ThrowsAsync<TargetException>(() =>
            target.ConnectAsync(new StimulusFormat(160, 90), TestContext.Current.CancellationToken));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("recvonly", "only takes video")]
    [InlineData("refuses", "answered 401: no key")]
    [InlineData("busy", "only takes video")]
    public async Task The_sample_for_WHIP_tells_of_a_server_that_sends_nothing_back(string kind, string words)
    {
        const string Open = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: *\r\nAccess-Control-Expose-Headers: *\r\n";
        var turns = 0;
        using var server = new HandMadeServer(request =>
            request.StartsWith("OPTIONS", StringComparison.Ordinal) ? HandMadeServer.Bytes("204 No Content", Open, [])
            : kind == "refuses" ? HandMadeServer.Says("401 Unauthorized", Open, "no key")(request)
            : kind == "busy" && turns++ == 0 ? HandMadeServer.Says("429 Too Many Requests", Open + "Retry-After: 1\r\n")(request)
            : HandMadeServer.Answers("recvonly", Open)(request));
        var sample = Path.Combine(AppContext.BaseDirectory, "whip.js");
        await using var target = new PageTarget(sample, new BrowserOptions { WithoutSandbox = true, Patience = Patience },
            new Dictionary<string, string> { ["url"] = server.Address.ToString() }, TimeProvider.System);
        var error = await Assert.ThrowsAsync<TargetException>(() =>
            target.ConnectAsync(new StimulusFormat(160, 90), TestContext.Current.CancellationToken));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.True(kind != "busy" || turns == 2);
    }

    [Fact]
    public void A_variable_that_is_not_set_is_said_before_anything_runs() =>
        Assert.Contains("TRUELIVE_NO_SUCH_VARIABLE",
            Assert.Throws<TargetException>(() =>
            Target("export const environment = ['TRUELIVE_NO_SUCH_VARIABLE']; export async function connect(s) { return s; }")).Message,
            StringComparison.Ordinal);

    [Fact]
    public async Task The_page_gets_no_secrets_from_the_environment_and_no_files_that_are_no_script()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "keys.txt"), "secret", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_folder, ".env.js"), "secret", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_folder, "part.js"), "export const part = 1;", TestContext.Current.CancellationToken);
        using var host = new PageHost(Path.Combine(_folder, "adapter.js"));
        using var http = new HttpClient { BaseAddress = new Uri(host.Address) };
        var folder = host.Module[..(host.Module.LastIndexOf('/') + 1)];
        Assert.Equal("export const part = 1;", await http.GetStringAsync(folder + "part.js", TestContext.Current.CancellationToken));
        foreach (var path in new[] { "/adapter/part.js", "/part.js", folder + "keys.txt", folder + ".env.js", folder + "../../etc/hostname",
            folder + "%2e%2e/x.js" })
            Assert.Equal((path, System.Net.HttpStatusCode.NotFound),
                (path, (await http.GetAsync(path, TestContext.Current.CancellationToken)).StatusCode));
    }

    [Fact]
    public async Task A_browser_runs_with_what_a_program_needs_of_the_environment_and_nothing_else()
    {
        var browser = Path.Combine(_folder, "browser");
        await File.WriteAllTextAsync(browser, $"#!/bin/sh\nenv > {_folder}/environment\nulimit -f > {_folder}/limit\n",
            TestContext.Current.CancellationToken);
        File.SetUnixFileMode(browser, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Environment.SetEnvironmentVariable("PROBE_TESTS_SECRET_KEY", "secret");
        using (var process = new BrowserProcess(new BrowserOptions { Browser = browser, WithoutSandbox = true }, "about:blank", false,
            TimeProvider.System))
            await process.Ended.WaitAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain("secret", await File.ReadAllTextAsync(Path.Combine(_folder, "environment"),
            TestContext.Current.CancellationToken), StringComparison.OrdinalIgnoreCase);
        Assert.NotEqual("unlimited", (await File.ReadAllTextAsync(Path.Combine(_folder, "limit"), TestContext.Current.CancellationToken))
            .Trim());
    }

    [Fact]
    public async Task Without_its_sandbox_a_browser_runs_only_when_that_was_asked_for()
    {
        Assert.SkipUnless(Environment.UserName == "root", "Only root's browser has no sandbox.");
        await using var target = Target("export async function connect(s) { return s; }", withoutSandbox: false);
        var error = await Assert.ThrowsAsync<TargetException>(() =>
            target.ConnectAsync(new StimulusFormat(160, 90), TestContext.Current.CancellationToken));
        Assert.Contains("--no-sandbox", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_browser_that_is_not_there_is_a_clear_error()
    {
        await using var target = Target("export async function connect(s) { return s; }", browser: "/no/such/browser");
        var error = await Assert.ThrowsAsync<TargetException>(() =>
            target.ConnectAsync(new StimulusFormat(160, 90), TestContext.Current.CancellationToken));
        Assert.Contains("--browser", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_script_whose_service_hangs_up_ends_the_run_with_its_reason()
    {
        await using var target = Target("""
            export async function connect(stream, probe) { setTimeout(() => probe.ended('out of credits'), 1500); return stream; }
            """);
        var profile = new ProbeProfile { Name = "test", Warmup = 1, Fast = 60, Slow = 0, Control = 0, Hold = 0, Blackout = 0 };
        var options = new ProbeRunOptions { Width = 160, Height = 90, Effort = new AnalysisEffort(19, 1) };
        var result = await new ProbeRun(target, profile, ProbeSeed.From("page"), TimeProvider.System, options)
            .RunAsync(null, TestContext.Current.CancellationToken);
        Assert.True(result.Quality.Incomplete);
        Assert.Equal("out of credits", result.Quality.EndedBecause);
    }

    [Fact]
    public void Only_variables_that_a_script_names_are_handed_over() =>
        Assert.Equal(["A_KEY", "B"], PageTarget.Named("const x = 1;\nexport const environment = ['A_KEY', \"B\"];\nprocess.env.PATH"));

    private PageTarget Target(string script, double seconds = 300, string browser = Browser, bool withoutSandbox = true)
    {
        var path = Path.Combine(_folder, "adapter.js");
        File.WriteAllText(path, script);
        return new PageTarget(path, new BrowserOptions
        {
            Browser = browser,
            Patience = TimeSpan.FromSeconds(seconds),
            WithoutSandbox = withoutSandbox && Environment.UserName == "root",
        }, new Dictionary<string, string>(), TimeProvider.System);
    }
}
