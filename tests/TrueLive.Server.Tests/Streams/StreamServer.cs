using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Streams;

/// <summary>A server that lets streams use a folder.</summary>
public sealed class StreamServer : IAsyncLifetime
{
    public NumberedScene Scene { get; } = new();

    internal RunningServer Running { get; private set; } = null!;

    internal HttpClient Http => Running.Http;

    public async ValueTask InitializeAsync()
    {
        await Scene.InitializeAsync();
        Running = await RunningServer.StartAsync(o =>
        {
            (o.DataFolder, o.StreamFolder) = (Directory.CreateDirectory(Path.Combine(Scene.Folder, "data")).FullName, Scene.Folder);
            (o.Size, o.MaxSessions) = ($"{NumberedScene.Width}x{NumberedScene.Height}", 64);
        });
    }

    public async ValueTask DisposeAsync()
    {
        await Running.DisposeAsync();
        await Scene.DisposeAsync();
    }

    internal async Task<JsonNode> BeginAsync(string source, object? more = null, params string[] outputs)
    {
        var body = new JsonObject
        {
            ["source"] = source,
            ["outputs"] = new JsonArray([.. outputs.Select(o => (JsonNode)o!)]),
            ["loop"] = true,
        };
        foreach (var (key, value) in System.Text.Json.JsonSerializer.SerializeToNode(more ?? new { })!.AsObject().ToArray())
            body[key] = value!.DeepClone();
        using var answer = await Http.PostAsJsonAsync("/v1/streams", body, TestContext.Current.CancellationToken);
        var made = (await answer.Content.ReadFromJsonAsync<JsonNode>(TestContext.Current.CancellationToken))!;
        Assert.True(answer.StatusCode == HttpStatusCode.Created, made.ToString());
        return made;
    }

    internal async Task<JsonNode> StreamAsync(JsonNode stream) =>
        (await Http.GetFromJsonAsync<JsonNode>($"/v1/streams/{Id(stream)}", TestContext.Current.CancellationToken))!;

    internal async Task<JsonNode> UntilAsync(JsonNode stream, Func<JsonNode, bool> condition)
    {
        var now = stream;
        await NativeClient.UntilAsync(async () => condition(now = await StreamAsync(stream)));
        return now;
    }

    internal Task EndAsync(JsonNode stream) => Http.DeleteAsync($"/v1/streams/{Id(stream)}", TestContext.Current.CancellationToken);

    /// <summary>A stream from a source is recorded: what was recorded when it ended can be played.</summary>
    internal async Task RecordsAsync(string source)
    {
        var name = $"{Guid.NewGuid():n}.mp4";
        await IsRecordedAsync(await BeginAsync(source, new { loop = false }, "file:" + name), name);
    }

    /// <summary>Ends a stream that has a recording: what was recorded until then can be played.</summary>
    internal async Task IsRecordedAsync(JsonNode stream, string name)
    {
        // Repeated pictures are recorded too while a busy machine gives none.
        long? before = null;
        await UntilAsync(stream, s =>
        {
            var (sent, recorded) = ((long)s["session"]!["stats"]!["sent"]!,
                (long)s["outputs"]!.AsArray().First(o => (string?)o!["kind"] == "file")!["frames"]!);
            if (recorded > 0)
                before ??= sent;
            return recorded >= 60 && sent - before >= 45;
        });
        await EndAsync(stream);
        NumberedScene.Move(await Scene.AllNumbersAsync(Path.Combine(Scene.Folder, name)));
    }

    internal static string Id(JsonNode stream) => (string)stream["session"]!["id"]!;

    /// <summary>The source is away, and those who watch are told what they see.</summary>
    internal static bool IsRepeated(JsonNode stream) => (string?)stream["source"]!["state"] != "live"
        && ((string?)stream["session"]!["stats"]!["degraded"])?.Contains("last picture is repeated", StringComparison.Ordinal) == true;

    internal static bool IsLive(JsonNode stream) => (string?)stream["source"]!["state"] == "live" && stream["outputs"]!.AsArray()
        .All(o => (string?)o!["state"] == "live");
}
