using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Media.Files;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Configuration;
using TrueLive.Server.Journals;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Tests.Journals;

namespace TrueLive.Server.Tests.Clips;

/// <summary>The real server with a temporary data folder.</summary>
internal sealed class ClipServer : IAsyncDisposable
{
    private readonly RunningServer _server;
    private readonly MadeFiles _files;

    private ClipServer(RunningServer server, MadeFiles files, string data) => (_server, _files, Data) = (server, files, data);

    public HttpClient Http => _server.Http;

    public Uri Address => _server.Address;

    public IServiceProvider Services => _server.Services;

    public string Data { get; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<ClipServer> StartAsync(
        MadeFiles files, Action<ServerOptions>? change = null, IReadOnlyList<IVideoModel>? models = null)
    {
        var data = Directory.CreateTempSubdirectory("truelive-clips-").FullName;
        var server = await RunningServer.StartAsync(
            o =>
            {
                o.DataFolder = data;
                change?.Invoke(o);
            }, models);
        return new ClipServer(server, files, data);
    }

    public Task<string> FilmAsync(string name, double seconds = 1) =>
        _files.MakeAsync(name, "-f", "lavfi", "-i", string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"testsrc2=s=256x192:r=15:d={seconds}"), "-pix_fmt", "yuv420p");

    public async Task<HttpResponseMessage> SendFileAsync(string path, string? key = null)
    {
        // On a busy machine ffprobe may not get as far as reading the file in its time.
        while (true)
        {
            var answer = await SendOnceAsync(path, key);
            if (answer.StatusCode != HttpStatusCode.UnsupportedMediaType
                || !(await answer.Content.ReadAsStringAsync(Cancel)).Contains("could not be read within", StringComparison.Ordinal))
                return answer;
            answer.Dispose();
        }
    }

    private async Task<HttpResponseMessage> SendOnceAsync(string path, string? key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/uploads") { Content = new StreamContent(File.OpenRead(path)) };
        request.Headers.Add("X-File-Name", Uri.EscapeDataString(Path.GetFileName(path)));
        // The type that a browser claims; the server determines the type itself.
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("video/mp4");
        if (key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await Http.SendAsync(request, Cancel);
    }

    public async Task<string> UploadAsync(string path) => (string)(await JsonAsync(await SendFileAsync(path)))["id"]!;

    public async Task<JsonNode> ClipAsync(object body) => await JsonAsync(await Http.PostAsJsonAsync("/v1/clips", body, Cancel));

    /// <summary>Follows a job's events to the end and returns all of them.</summary>
    public async Task<List<(string Event, JsonNode Job)>> FollowAsync(JsonNode job)
    {
        var told = new List<(string, JsonNode)>();
        using var reader = new StreamReader(await Http.GetStreamAsync((string)job["events_url"]!, Cancel));
        var name = "";
        while (await reader.ReadLineAsync(Cancel) is { } line)
        {
            if (line.StartsWith("event: ", StringComparison.Ordinal))
                name = line[7..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
                told.Add((name, JsonNode.Parse(line[6..])!));
        }
        return told;
    }

    /// <summary>What a look at each picture of a finished clip finds.</summary>
    public async Task<T[]> LookAsync<T>(JsonNode done, Func<VideoFrame, T> look)
    {
        Assert.Equal("done", (string)done["state"]!);
        var path = Path.Combine(Data, "result.mkv");
        await File.WriteAllBytesAsync(path, await Http.GetByteArrayAsync((string)done["result"]!["url"]!, Cancel), Cancel);
        var file = await MediaFile.OpenAsync(path, Cancel);
        await using var source = FileSource.Open(file, file.Width, file.Height, new FramePool("result"));
        var found = new List<T>();
        while (await source.ReadAsync(Cancel) is { } frame)
        {
            using (frame)
                found.Add(look(frame));
        }
        return [.. found];
    }

    /// <summary>The level among these that each picture of a finished clip is nearest to in its middle.</summary>
    public Task<int[]> LevelsAsync(JsonNode done, params int[] levels) => LookAsync(done, frame =>
    {
        // Encoding and the colour range shift the level a little.
        var luma = frame.Y[frame.StrideY * (frame.Height / 2) + frame.Width / 2];
        return levels.MinBy(l => Math.Abs(l - luma));
    });

    /// <summary>Runs a session with a journal over some pictures, and gives the id of the journal once it is written.</summary>
    /// <param name="session">What the session is created with.</param>
    /// <param name="frames">Pictures that its client sends.</param>
    /// <param name="changed">The picture before which it is changed.</param>
    /// <param name="change">What is changed.</param>
    public async Task<string> JournalAsync(object session, int frames, int changed, PromptChange change)
    {
        var made = await JsonAsync(await Http.PostAsJsonAsync("/v1/sessions", session, Cancel));
        await Http.PostAsync($"/v1/sessions/{made["id"]}/journal", null, Cancel);
        var registry = Services.GetRequiredService<SessionRegistry>();
        var hosted = registry.Find((string)made["id"]!)!;
        var camera = new SteppedCamera(frames, frame =>
        {
            if (frame == changed)
                Assert.Null(registry.Update(hosted, "a", change).Rejected);
        });
        await registry.RunAsync(hosted, "test", camera, camera, Cancel);
        var id = (string)(await JsonAsync(await Http.DeleteAsync($"/v1/sessions/{made["id"]}/journal", Cancel)))["id"]!;
        await Services.GetRequiredService<JournalStore>().WrittenAsync(id).WaitAsync(Cancel);
        return id;
    }

    /// <summary>The prompts of a journal that is written.</summary>
    public IEnumerable<(TimeSpan At, Prompt Prompt)> CuesOf(string journal, IVideoModel model) =>
        Journal.Open(Path.Combine(Data, "clips", "journals", journal))!.Prompts(model).Cues;

    public static async Task<JsonNode> JsonAsync(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(Data, true);
    }
}
