using System.Buffers.Binary;
using System.CommandLine;
using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Media.Files;
using TrueLive.Server;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary>
/// <c>truelive bench interactive</c>: runs a real server in this process and a client on its WebSocket, and measures the time from sending
/// a tweak until its preview, a playable clip and the full clip have arrived as pictures.
/// </summary>
internal static class BenchInteractive
{
    private static readonly Option<int> Tweaks = new("--tweaks")
    { Description = "Tweaks that are measured, each when the one before is full.", DefaultValueFactory = _ => 40 };
    private static readonly Option<int> Seconds = new("--seconds") { Description = "Length of the source.", DefaultValueFactory = _ => 4 };
    private static readonly Option<string> Size = new("--size")
    { Description = "Size that the model runs at.", DefaultValueFactory = _ => "512x288" };
    private static readonly Option<string?> Write = new("--write")
    { Description = "Write interactive.md into this folder (default bench/results).", Arity = ArgumentArity.ZeroOrOne };
    private const int BurstTweaks = 50;

    private static readonly string[] Prompts = ["ink", "oil", "noir", "neon", "pencil", "gold", "winter", "dream"];

    public static Command Make()
    {
        var interactive = new Command("interactive", "Tweak to preview, playable and full clip over the real socket.")
            { Tweaks, Seconds, Size, Write };
        interactive.SetAction((parsed, cancel) => RunAsync(parsed, cancel));
        return interactive;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var (tweaks, seconds, size) = (parsed.GetValue(Tweaks), parsed.GetValue(Seconds), parsed.GetValue(Size)!);
        if (!PictureSize.TryParse(size, out _) || tweaks is < 1 or > 1000 || seconds is < 1 or > 20)
        {
            await Console.Error.WriteLineAsync("--size must look like 512x288, --tweaks be within 1..1000, --seconds within 1..20.")
                .ConfigureAwait(false);
            return 1;
        }
        var time = TimeProvider.System;
        var machine = BenchReport.Machine(time);
        var folder = Directory.CreateTempSubdirectory("truelive-bench-").FullName;
        try
        {
            await using var app = TrueLiveServer.Build(new ServerOptions
            { Port = 0, WebrtcPort = 0, DataFolder = folder, LogLevel = "Warning" });
            await app.StartAsync(cancel).ConfigureAwait(false);
            using var http = new HttpClient
            {
                BaseAddress =
                new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First())
            };
            while (!(await http.GetAsync("/readyz", cancel).ConfigureAwait(false)).IsSuccessStatusCode)
                await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancel).ConfigureAwait(false);
            var (clip, frames) = await OpenAsync(http, await BenchReport.MakeFilmAsync(folder, seconds, cancel).ConfigureAwait(false), size,
                cancel).ConfigureAwait(false);
            using var socket = new ClientWebSocket();
            await socket.ConnectAsync(new Uri(http.BaseAddress.ToString().Replace("http", "ws", StringComparison.Ordinal).TrimEnd('/')
                + clip), cancel).ConfigureAwait(false);
            var (preview, playable, full) = (new List<double>(), new List<double>(), new List<double>());
            for (var i = 1; i <= tweaks + 1; i++)
            {
                var (a, b, c) = await TweakAsync(socket, i, frames, (i * 0.37) % seconds, time, cancel).ConfigureAwait(false);
                // The first tweak also warms up code and caches.
                if (i == 1)
                    continue;
                preview.Add(a);
                playable.Add(b);
                full.Add(c);
            }
            var burst = await BurstAsync(socket, tweaks + 2, frames, seconds, time, cancel).ConfigureAwait(false);
            BenchReport.Give(Report(burst, preview, playable, full, seconds, frames, size, machine),
                parsed.GetResult(Write) is null ? null : parsed.GetValue(Write) ?? "bench/results", "interactive.md");
            await app.StopAsync(cancel).ConfigureAwait(false);
            return 0;
        }
        catch (MediaException wrong)
        {
            await Console.Error.WriteLineAsync(wrong.Message).ConfigureAwait(false);
            return 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(string Socket, int Frames)> OpenAsync(HttpClient http, string film, string size, CancellationToken cancel)
    {
        using var file = new StreamContent(File.OpenRead(film));
        using var sent = await http.PostAsync("/v1/uploads", file, cancel).ConfigureAwait(false);
        using var upload = JsonDocument.Parse(await sent.EnsureSuccessStatusCode().Content.ReadAsStringAsync(cancel).ConfigureAwait(false));
        using var body = new StringContent($$"""{"upload":"{{upload.RootElement.GetProperty("id").GetString()}}","size":"{{size}}"}""",
            System.Text.Encoding.UTF8, "application/json");
        using var opened = await http.PostAsync("/v1/interactive", body, cancel).ConfigureAwait(false);
        using var clip = JsonDocument.Parse(await opened.EnsureSuccessStatusCode().Content.ReadAsStringAsync(cancel).ConfigureAwait(false));
        return (clip.RootElement.GetProperty("socket").GetString()!,
            clip.RootElement.GetProperty("source").GetProperty("frames").GetInt32());
    }

    private static async Task<(double Preview, double Playable, double Full)> TweakAsync(
        ClientWebSocket socket, int number, int frames, double playhead, TimeProvider time, CancellationToken cancel)
    {
        var text = string.Create(CultureInfo.InvariantCulture,
            $$"""{"type":"tweak","prompt":"{{Prompts[number % Prompts.Length]}}","strength":{{0.5 + number % 50 / 100.0}},"playhead_s":{{playhead}}}""");
        var began = time.GetTimestamp();
        await socket.SendAsync(System.Text.Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, cancel).ConfigureAwait(false);
        var (preview, playable, coarse, full) = (0.0, 0.0, new HashSet<uint>(), 0);
        var buffer = new byte[1 << 20];
        while (full < frames)
        {
            var (isText, _) = await ReceiveAsync(socket, buffer, cancel).ConfigureAwait(false);
            if (isText || BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(4)) != number)
                continue;
            var elapsed = time.GetElapsedTime(began).TotalMilliseconds;
            if (preview == 0)
                preview = elapsed;
            // If the full pass finishes first, no preview follows.
            if (buffer[16] >= 1 && BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(8)) is var index && index % 4 == 0
                && coarse.Add(index) && coarse.Count == (frames + 3) / 4)
                playable = elapsed;
            full += buffer[16] == 2 ? 1 : 0;
        }
        return (preview, playable, time.GetElapsedTime(began).TotalMilliseconds);
    }

    private static async Task<(bool IsText, int Length)> ReceiveAsync(ClientWebSocket socket, byte[] buffer, CancellationToken cancel)
    {
        var length = 0;
        ValueWebSocketReceiveResult part;
        do
        {
            part = await socket.ReceiveAsync(buffer.AsMemory(length), cancel).ConfigureAwait(false);
            length += part.Count;
        }
        while (!part.EndOfMessage);
        return part.MessageType == WebSocketMessageType.Close
            ? throw new IOException(socket.CloseStatusDescription)
            : (part.MessageType == WebSocketMessageType.Text, length);
    }

    // 50 tweaks in 5 s: each is answered under its own id, and the last one is rendered in full, with all its pictures.
    private static async Task<(int Answered, int LastPictures, double ToFull)> BurstAsync(
        ClientWebSocket socket, int first, int frames, int seconds, TimeProvider time, CancellationToken cancel)
    {
        var (answered, pictures, lastSent) = (new HashSet<string>(), 0, 0L);
        var sending = Task.Run(async () =>
        {
            using var pace = new PeriodicTimer(TimeSpan.FromSeconds(5.0 / BurstTweaks), time);
            for (var i = 0; i < BurstTweaks && await pace.WaitForNextTickAsync(cancel).ConfigureAwait(false); i++)
            {
                lastSent = time.GetTimestamp();
                var text = string.Create(CultureInfo.InvariantCulture,
                    $$"""{"type":"tweak","id":"b{{i}}","prompt":"{{Prompts[i % Prompts.Length]}}","strength":{{0.4 + i / 100.0}},"playhead_s":{{i * 0.37 % seconds}}}""");
                await socket.SendAsync(System.Text.Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, cancel)
                    .ConfigureAwait(false);
            }
        }, cancel);
        var (buffer, last) = (new byte[1 << 20], first + BurstTweaks - 1);
        for (var full = false; !full;)
        {
            var (text, length) = await ReceiveAsync(socket, buffer, cancel).ConfigureAwait(false);
            if (!text)
            {
                pictures += BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(4)) == last && buffer[16] == 2 ? 1 : 0;
                continue;
            }
            using var message = JsonDocument.Parse(buffer.AsMemory(0, length));
            if (message.RootElement.TryGetProperty("id", out var id) && message.RootElement.GetProperty("type").GetString() == "revision")
                answered.Add(id.GetString()!);
            full = message.RootElement.TryGetProperty("revision", out var r) && r.ValueKind == JsonValueKind.Object
                && r.GetProperty("number").GetInt64() == last && r.GetProperty("state").GetString() == "full";
        }
        await sending.ConfigureAwait(false);
        return (answered.Count, pictures, time.GetElapsedTime(lastSent).TotalMilliseconds);
    }

    private static string Report((int Answered, int LastPictures, double ToFull) burst, List<double> preview, List<double> playable,
        List<double> full, int seconds, int frames, string size, string machine)
    {
        string Row(string name, List<double> values, string goal) => string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {BenchReport.Percentile(values, 0.5):0} | {BenchReport.Percentile(values, 0.95):0} | " +
            $"{BenchReport.Percentile(values, 0.99):0} | {goal} |");
        return string.Create(CultureInfo.InvariantCulture, $"""
            # Interactive: from a tweak to its pictures

            Full clip / length of the source: {BenchReport.Spread([.. full.Select(f => f / 1000 / seconds)], "0.00")} (goal <= 0.6).

            | milliseconds after the tweak, n={preview.Count} | p50 | p95 | p99 | goal |
            |---|---|---|---|---|
            {Row("first preview", preview, "p95 <= 200")}
            {Row("playable clip (every 4th frame)", playable, "<= 1000")}
            {Row("full clip", full, $"<= {600 * seconds}")}

            {BurstTweaks} tweaks in 5 s: {burst.Answered} of {BurstTweaks} answered under their own id; the last one ended full with {burst.LastPictures} of {frames} pictures, {burst.ToFull:0} ms
            after it was sent (n=1).

            Method: a real server in one process with its client; a made film of {seconds} s ({frames} frames) at {size}; each tweak changes prompt,
            strength and playhead, so that nothing can be reused, and is sent when the one before is full. Times are the client's, from
            before the send until the last picture of the pass has arrived. The first tweak is left out.
            Machine: {machine}.

            """);
    }
}
