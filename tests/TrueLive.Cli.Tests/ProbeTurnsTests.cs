using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TrueLive.Cli.Tests;

/// <summary>The server has one place for a run of the probe, and several clients.</summary>
[Trait("Run", "long")]
public sealed class ProbeTurnsTests : IAsyncLifetime
{
    // ProbeRuns.MaxKept.
    private const int MaxKept = 20;
    private const string Ours = "our-key-of-enough-characters";
    private const string Theirs = "their-key-of-enough-characters";
    private readonly string _data = Directory.CreateTempSubdirectory("truelive-turns-").FullName;
    private ServerProcess? _server;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        _server = await ServerProcess.StartAsync("--data-folder", _data, "--api-keys", $"{Ours},{Theirs}", "--max-sessions", "1",
            "--model-threads", "1");

    public async ValueTask DisposeAsync()
    {
        await _server!.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task Who_found_the_place_taken_comes_before_whoever_had_it()
    {
        var first = await BeginAsync(Ours);
        Assert.Contains("Ask again when it has ended", (string)(await RefusedAsync(Theirs))!, StringComparison.Ordinal);
        Assert.Contains("of yours", (string)(await RefusedAsync(Ours))!, StringComparison.Ordinal);
        await StopAsync(Ours, first);
        Assert.Contains("Others waited", (string)(await RefusedAsync(Ours))!, StringComparison.Ordinal);
        await StopAsync(Theirs, await BeginAsync(Theirs));
        await StopAsync(Ours, await BeginAsync(Ours));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task Runs_of_one_client_push_out_nobody_elses()
    {
        var kept = await BeginAsync(Theirs);
        await StopAsync(Theirs, kept);
        for (var i = 0; i < MaxKept + 1; i++)
            await StopAsync(Ours, await BeginAsync(Ours));
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(Theirs, HttpMethod.Get, $"/v1/probes/{kept}")).StatusCode);
        Assert.Equal(MaxKept - 1, (await JsonAsync(await AskAsync(Ours, HttpMethod.Get, "/v1/probes")))["probes"]!.AsArray().Count);
    }

    [Fact]
    public async Task A_run_whose_files_cannot_be_deleted_at_once_ends_all_the_same()
    {
        var run = await BeginAsync(Ours);
        var folder = Path.Combine(_data, "probes", run);
        var child = Directory.CreateDirectory(Path.Combine(folder, "left")).FullName;
        // A name that is no UTF-8 cannot be deleted from .NET, whoever the server runs as.
        await ShellAsync("touch", child);
        var ended = await StopAsync(Ours, run);
        Assert.Equal(("cancelled", true), ((string?)ended["state"], Directory.Exists(child)));
        Assert.Contains("could not be deleted yet", (string?)ended["error"], StringComparison.Ordinal);
        await ShellAsync("rm", child);
        // The next one finds the place free, and clears up.
        var next = await BeginAsync(Ours);
        Assert.False(Directory.Exists(folder));
        await StopAsync(Ours, next);

        static async Task ShellAsync(string command, string folder)
        {
            using var shell = Process.Start("sh", ["-c", $"{command} \"$0/$(printf '\\377')\"", folder]);
            await shell.WaitForExitAsync(Cancel);
            Assert.Equal(0, shell.ExitCode);
        }
    }

    [Fact]
    public async Task A_run_against_the_server_itself_goes_with_the_clients_own_key_which_stands_in_no_command_line()
    {
        var run = await BeginAsync(Theirs, "self");
        var child = 0;
        using var often = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        while ((child = Process.GetProcesses().Select(p => p.Id)
            .FirstOrDefault(id => Read(id, "cmdline") is var line && line.Contains(run, StringComparison.Ordinal))) == 0)
            await often.WaitForNextTickAsync(Cancel);
        Assert.Contains($"TRUELIVE_PROBE_KEY={Theirs}", Read(child, "environ").Split('\0'));
        Assert.DoesNotContain(Theirs, Read(child, "cmdline"), StringComparison.Ordinal);
        Assert.DoesNotContain(Ours, Read(child, "environ"), StringComparison.Ordinal);
        await StopAsync(Theirs, run);

        static string Read(int process, string what)
        {
            try
            {
                return File.ReadAllText($"/proc/{process}/{what}");
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                return "";
            }
        }
    }

    private async Task<string> BeginAsync(string key, string target = "echo")
    {
        var answer = await AskAsync(key, HttpMethod.Post, "/v1/probes", new { target });
        var view = await JsonAsync(answer);
        Assert.True(answer.IsSuccessStatusCode, view.ToJsonString());
        return (string)view["id"]!;
    }

    private async Task<JsonNode?> RefusedAsync(string key)
    {
        var answer = await AskAsync(key, HttpMethod.Post, "/v1/probes", new { target = "echo" });
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        return (await JsonAsync(answer))["detail"];
    }

    private async Task<JsonNode> StopAsync(string key, string id)
    {
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(key, HttpMethod.Delete, $"/v1/probes/{id}")).StatusCode);
        using var often = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (await JsonAsync(await AskAsync(key, HttpMethod.Get, $"/v1/probes/{id}")) is var now && (string?)now["state"] != "running")
                return now;
            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromMinutes(5), "The run goes on though it was cancelled.");
            await often.WaitForNextTickAsync(Cancel);
        }
    }

    private async Task<HttpResponseMessage> AskAsync(string key, HttpMethod method, string path, object? body = null)
    {
        using var http = new HttpClient { BaseAddress = new Uri(_server!.Address) };
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await http.SendAsync(request, Cancel);
    }

    private static async Task<JsonNode> JsonAsync(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;
}
