using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrueLive.Fleet.Links;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary><c>truelive fleet</c>: the state of a fleet, as its control node reports it; and the keys that workers join with.</summary>
internal static class FleetCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly Option<string> Url = new("--url")
    {
        Description = "Address of the fleet's front door. Its key, which needs the scope operate, is taken from TRUELIVE_KEY.",
        DefaultValueFactory = _ => "http://127.0.0.1:8080",
        Recursive = true,
    };

    private const string DrainWords =
        "Take a worker out of service: it gets no new sessions, and those that it has end after drain_seconds at the latest.";

    public static Command Make()
    {
        var status = new Command("status", "Show the workers: how each stands, what it holds and how many places are free.");
        status.SetAction((parsed, cancel) => AskAsync(parsed, HttpMethod.Get, "/v1/fleet", ShowWorkers, cancel));
        var sessions = new Command("sessions", "Show the live sessions and where each is.");
        sessions.SetAction((parsed, cancel) => AskAsync(parsed, HttpMethod.Get, "/v1/fleet", ShowSessions, cancel));
        var drained = new Argument<string>("worker") { Description = "Name of the worker." };
        var drain = new Command("drain", DrainWords) { drained };
        drain.SetAction((parsed, cancel) => AskAsync(parsed, HttpMethod.Post, Place(parsed.GetValue(drained)!), Done, cancel));
        var undrained = new Argument<string>("worker") { Description = "Name of the worker." };
        var undrain = new Command("undrain", "Take a drained worker back into service.") { undrained };
        undrain.SetAction((parsed, cancel) => AskAsync(parsed, HttpMethod.Delete, Place(parsed.GetValue(undrained)!), Done, cancel));
        return new Command("fleet", "Look after a fleet: workers, sessions, and the keys that workers join with.")
        {
            status, sessions, drain, undrain, KeysCommand.MakeFor("keys",
                "Make, list and revoke the keys that workers join with, on the machine of a control node.", options =>
                JoinKeyFile.PathIn(options.DataPath), scoped: false), Url,
        };
    }

    private static string Place(string worker) => $"/v1/fleet/workers/{Uri.EscapeDataString(worker)}/drain";

    private static async Task<int> AskAsync(ParseResult parsed, HttpMethod method, string path, Action<JsonNode?> show,
        CancellationToken cancel)
    {
        var url = parsed.GetValue(Url)!.TrimEnd('/');
        try
        {
            using var http = new HttpClient { Timeout = Patience };
            if (Environment.GetEnvironmentVariable("TRUELIVE_KEY") is { Length: > 0 } key)
                http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using var request = new HttpRequestMessage(method, new Uri(url + path));
            using var answer = await http.SendAsync(request, cancel).ConfigureAwait(false);
            var text = await answer.Content.ReadAsStringAsync(cancel).ConfigureAwait(false);
            var json = text.Length > 0 ? JsonNode.Parse(text) : null;
            if (!answer.IsSuccessStatusCode)
                throw new IOException($"{url} answers {(int)answer.StatusCode}: {json?["detail"] ?? answer.ReasonPhrase}");
            show(json);
            return 0;
        }
        catch (Exception error) when (error is HttpRequestException or IOException or JsonException or UriFormatException
            || (error is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            await Console.Error.WriteLineAsync(error is HttpRequestException or OperationCanceledException
                ? $"{url} does not answer: {error.Message} Name the front door with --url." : error.Message).ConfigureAwait(false);
            return 1;
        }
    }

    private static void ShowWorkers(JsonNode? fleet)
    {
        var (workers, sessions, counts) = (fleet!["workers"]!.AsArray(), fleet["sessions"]!.AsArray(), fleet["counts"]!);
        foreach (var worker in workers)
        {
            var room = $"{worker!["sessions"],4} session(s) {worker["places"],4} free";
            Console.WriteLine($"{worker["name"],-24} {worker["state"],-11} {room}   {worker["version"]}  {worker["address"]}");
            if (worker["problem"] is { } problem)
                Console.WriteLine($"{"",-24} {problem}");
        }
        var done = $"placed {counts["placed"]}, refused {counts["refused"]}, placed anew {counts["restored"]}";
        Console.WriteLine($"{workers.Count} worker(s), {sessions.Count} session(s), {fleet["waiting"]} waiting in line; {done}.");
    }

    private static void ShowSessions(JsonNode? fleet)
    {
        foreach (var session in fleet!["sessions"]!.AsArray())
        {
            var what = $"{session!["model"]} {session["size"]}  {session["made"]} frames made";
            Console.WriteLine($"{session["id"],-26} {session["worker"]?.ToString() ?? "-",-24} {session["state"],-9} {what}");
        }
    }

    private static void Done(JsonNode? nothing)
    {
    }
}
