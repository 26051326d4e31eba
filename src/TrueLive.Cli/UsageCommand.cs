using System.CommandLine;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrueLive.Cli;

/// <summary><c>truelive usage</c>: what keys have used, as a server or the front door of a fleet reports it.</summary>
internal static class UsageCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static Command Make()
    {
        var url = new Option<string>("--url")
        {
            Description = "Address of the server, or of the fleet's front door. Its key is taken from TRUELIVE_KEY.",
            DefaultValueFactory = _ => "http://127.0.0.1:8080",
        };
        var month = new Option<string?>("--month") { Description = "Month in UTC, such as 2026-11; this one without it." };
        var own = new Option<bool>("--own") { Description = "Only what the key itself has used; that of all keys needs the scope operate." };
        var csv = new Option<bool>("--csv") { Description = "Write every day and model as CSV." };
        var command = new Command("usage", "Show what each key has used in a month: sessions, minutes, pictures and bytes.")
        { url, month, own, csv };
        command.SetAction((parsed, cancel) =>
        {
            var query = $"/v1/usage?{(parsed.GetValue(own) ? "" : "of=all&")}"
                + (parsed.GetValue(month) is { } m ? $"month={Uri.EscapeDataString(m)}&" : "")
                + (parsed.GetValue(csv) ? "format=csv" : "");
            return AskAsync(parsed.GetValue(url)!.TrimEnd('/'), query.TrimEnd('&', '?'), parsed.GetValue(csv), cancel);
        });
        return command;
    }

    private static async Task<int> AskAsync(string url, string query, bool raw, CancellationToken cancel)
    {
        try
        {
            using var http = new HttpClient { Timeout = Patience };
            if (Environment.GetEnvironmentVariable("TRUELIVE_KEY") is { Length: > 0 } key)
                http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using var answer = await http.GetAsync(new Uri(url + query), cancel).ConfigureAwait(false);
            var text = await answer.Content.ReadAsStringAsync(cancel).ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode)
                throw new IOException($"{url} answers {(int)answer.StatusCode}: {DetailOf(text) ?? answer.ReasonPhrase}");
            if (raw)
                Console.Write(text);
            else
                Show(JsonNode.Parse(text)!);
            return 0;
        }
        catch (Exception error) when (error is HttpRequestException or IOException or JsonException or UriFormatException
            || (error is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            await Console.Error.WriteLineAsync(error is HttpRequestException or OperationCanceledException
                ? $"{url} does not answer: {error.Message} Name the server with --url." : error.Message).ConfigureAwait(false);
            return 1;
        }
    }

    private static string? DetailOf(string text)
    {
        try
        {
            return (string?)JsonNode.Parse(text)?["detail"];
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static void Show(JsonNode usage)
    {
        Console.WriteLine($"From {usage["from"]} to {usage["to"]} (UTC)");
        var rows = usage["rows"]!.AsArray();
        foreach (var sum in rows.GroupBy(r => (Key: NameOf(r!), Kind: (string)r!["kind"]!)))
        {
            var minutes = sum.Sum(r => (double)r!["seconds"]!) / 60;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{sum.Key.Key,-32} {sum.Key.Kind,-5} {sum.Sum(r => (long)r!["sessions"]!),7} {minutes,11:0.0} min "
                + $"{sum.Sum(r => (long)r!["frames"]!),12} pictures {sum.Sum(r => (long)r!["bytes"]!) / 1e6,12:0.0} MB"));
        }
        if (rows.Count == 0)
            Console.WriteLine("Nothing was used.");
    }

    private static string NameOf(JsonNode row) => (string)row["key"]! is { Length: > 0 } name ? name : (string)row["owner"]!;
}
