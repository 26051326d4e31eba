using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using TrueLive.Probe.Stimuli;
using TrueLive.Watch;

namespace TrueLive.Cli.Tests;

/// <summary><c>truelive probe watch</c> and <c>truelive probe history</c> as a user types them.</summary>
public sealed class ProbeWatchCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-watch-cli-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("90s", 90)]
    [InlineData("10m", 600)]
    [InlineData("1.5h", 5400)]
    [InlineData("7d", 604_800)]
    [InlineData("9s", null)]
    [InlineData("8d", null)]
    [InlineData("10", null)]
    [InlineData("-5m", null)]
    [InlineData("1e3s", null)]
    [InlineData("", null)]
    public void An_interval_is_a_number_with_its_unit(string text, int? seconds)
    {
        if (seconds is { } right)
            Assert.Equal(TimeSpan.FromSeconds(right), ProbeWatchCommand.Interval(text));
        else
            Assert.Contains("write 90s, 10m, 6h or 1d", Assert.Throws<FormatException>(() => ProbeWatchCommand.Interval(text)).Message,
                StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_that_can_be_measured_no_more_is_told_to_a_webhook_and_is_in_history_page_and_csv()
    {
        using var server = new HandMadeServer(HandMadeServer.Answers("recvonly"));
        var bodies = new ConcurrentQueue<string>();
        using var hook = new HandMadeServer(request =>
        {
            bodies.Enqueue(request[(request.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
            return HandMadeServer.Bytes("200 OK", "", []);
        });
        await File.WriteAllTextAsync(Path.Combine(_folder, "hook.txt"), hook.Address + "secret\n", Cancel);
        Directory.CreateDirectory(Path.Combine(_folder, "w"));
        await using (var history = await WatchHistory.OpenSqliteAsync(Path.Combine(_folder, "w", "history.db"), Cancel))
        {
            // News of 1970, which nobody needs any more, wait there, too.
            foreach (var result in new[] { "PASS", "FAIL", "PASS" })
                await history.AppendAsync(new WatchRun
                {
                    Series = new WatchSeries($"whip {server.Address}", "here"),
                    Utc = DateTimeOffset.UnixEpoch,
                    Profile = "glance",
                    Rules = [new RuleResult(Watcher.CanBeMeasured, result, "")],
                }, 1, (_, _, _) => "{}", 100, Cancel);
        }
        var (code, said) = await ProbeAsync("watch", "whip", $"{server.Address}", "--runs", "1", "--place", "here", "--folder", "w",
            "--alert-after", "1", "--webhook", "hook.txt");
        Assert.True(code == 0, said);
        using var told = JsonDocument.Parse(Assert.Single(bodies));
        Assert.Equal(("broken", 4), (told.RootElement.GetProperty("event").GetString(), told.RootElement.GetProperty("run").GetInt32()));
        Assert.Contains("only takes video", await File.ReadAllTextAsync(Path.Combine(_folder, "w", "status.html"), Cancel),
            StringComparison.Ordinal);
        (code, said) = await ProbeAsync("history", "--folder", "w", "--csv", "-");
        Assert.True(code == 0, said);
        Assert.Contains($"whip {server.Address},here,4,", said, StringComparison.Ordinal);
        Assert.Contains(",glance,Failed,", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_on_the_command_line_is_refused_and_not_repeated()
    {
        var (code, said) = await ProbeAsync("watch", "null", "--webhook", "https://host.test/secret", "--folder", "w");
        Assert.Equal(1, code);
        Assert.Contains("takes a file, or the name of an environment variable", said, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("page", "adapter.js", "adapter.js")]
    [InlineData("null", "--runs", "0", "--runs must be 1 or more")]
    public async Task What_cannot_be_watched_is_said_in_words(params string[] what)
    {
        var (code, said) = await ProbeAsync(["watch", .. what[..^1], "--folder", "w"]);
        Assert.Equal(1, code);
        Assert.Contains(what[^1], said, StringComparison.Ordinal);
        Assert.DoesNotContain("fault", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_of_a_slow_clip_service_may_take_as_long_as_all_its_clips()
    {
        var file = Path.Combine(_folder, "service.yaml");
        await File.WriteAllTextAsync(file, "schema: live-ai-video-clips/1\nname: slow\nsubmit: {url: \"http://host.test/\", json: {}}\n" +
            "result: /url\nlimits: {seconds: 900}\n", Cancel);
        NamedTarget? target = null;
        var clips = ProbeTargetCommands.All((command, open) => command.SetAction(parsed => { target = open(parsed); }))
            .Single(c => c.Name == "clips");
        await clips.Parse([file]).InvokeAsync(cancellationToken: Cancel);
        Assert.Equal(TimeSpan.FromMinutes(12 * 15 + 20), target!.Longest(ProbeProfile.ByName["glance"]));
    }

    // Whether a glance counts depends on how busy this machine is.
    [Fact]
    [Trait("Run", "full")]
    public async Task A_server_that_is_watched_and_goes_away_is_so_in_one_history()
    {
        string[] watch;
        await using (var server = await ServerProcess.StartAsync("--data-folder", Path.Combine(_folder, "data")))
        {
            watch = ["watch", "truelive", server.Address, "--every", "10s", "--runs", "1", "--size", "320x180", "--folder", "w",
                "--require", "video-call-filter"];
            var (code, said) = await ProbeAsync(watch);
            Assert.True(code == 0, said);
        }
        var (again, words) = await ProbeAsync(watch);
        Assert.True(again == 0, words);
        var (_, csv) = await ProbeAsync("history", "--folder", "w", "--csv", "-");
        var outcomes = csv.Split("\r\n").Skip(1).Take(2).Select(l => l.Split(",glance,")[1].Split(',')[0]).ToArray();
        Assert.True(outcomes is ["Measured" or "Invalid", "Failed"], csv);
    }

    public void Dispose() => Directory.Delete(_folder, true);

    private async Task<(int Code, string Said)> ProbeAsync(params string[] what)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet",
            [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "probe", .. what])
        { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        return (process.ExitCode, await output + await error);
    }
}
