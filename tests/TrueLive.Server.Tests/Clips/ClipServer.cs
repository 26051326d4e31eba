using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TrueLive.Core.Models;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Configuration;
using TrueLive.Server.Tests.Http;

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

    public static async Task<JsonNode> JsonAsync(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(Data, true);
    }
}
