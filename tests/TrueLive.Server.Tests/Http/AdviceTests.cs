using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TrueLive.Server.Tests.Http;

/// <summary>A refused request succeeds once it is changed as the refusal says.</summary>
public sealed class AdviceTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Run", "long")]
    public async Task The_advice_of_a_refusal_works()
    {
        await using var server = await RunningServer.StartAsync(o => (o.Clips, o.MaxSessions) = (true, 8));
        var film = Directory.CreateTempSubdirectory("truelive-advice-").FullName;
        try
        {
            using (var ffmpeg = System.Diagnostics.Process.Start("ffmpeg",
                ["-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=0.3", Path.Combine(film, "film.mkv")]))
                await ffmpeg.WaitForExitAsync(Cancel);
            using var sent = await server.Http.PostAsync("/v1/uploads",
                new ByteArrayContent(await File.ReadAllBytesAsync(Path.Combine(film, "film.mkv"), Cancel)), Cancel);
            var upload = (string)(await sent.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["id"]!;
            (string Path, JsonObject Refused, string Advice, JsonObject Followed)[] told =
            [
                ("/v1/sessions", new() { ["model"] = "nope" }, "This server has: passthrough", new() { ["model"] = "passthrough" }),
                ("/v1/sessions", new() { ["size"] = "9" }, "Write it as 512x288", new() { ["size"] = "512x288" }),
                ("/v1/sessions", new() { ["strength"] = 7 }, "within 0..1", new() { ["strength"] = 1 }),
                ("/v1/clips", new() { ["upload"] = upload, ["format"] = "avi" }, "mp4, mov, mkv, webm, av1, gif or png",
                    new() { ["upload"] = upload, ["format"] = "mkv" }),
                ("/v1/clips", new() { ["upload"] = upload, ["size"] = "5x5" }, "With an exclamation mark (512x288!)",
                    new() { ["upload"] = upload, ["size"] = "512x288!" }),
                ("/v1/clips", new() { ["upload"] = upload, ["seed"] = 3 }, "Leave it out", new() { ["upload"] = upload }),
                ("/v1/clips", new() { ["upload"] = upload, ["model"] = "nope" }, "This server has: passthrough",
                    new() { ["upload"] = upload, ["model"] = "passthrough" }),
                ("/v1/interactive", new() { ["upload"] = upload, ["model"] = "nope" }, "This server has: passthrough",
                    new() { ["upload"] = upload, ["model"] = "passthrough" }),
            ];
            foreach (var (path, refused, advice, followed) in told)
            {
                using var no = await server.Http.PostAsJsonAsync(path, refused, Cancel);
                Assert.True(no.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity,
                    $"{path} {refused.ToJsonString()}: {no.StatusCode}");
                Assert.Contains(advice, (string)(await no.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["detail"]!,
                    StringComparison.Ordinal);
                using var yes = await server.Http.PostAsJsonAsync(path, followed, Cancel);
                Assert.True(yes.IsSuccessStatusCode, $"{path} {followed.ToJsonString()}: {await yes.Content.ReadAsStringAsync(Cancel)}");
            }
        }
        finally
        {
            Directory.Delete(film, true);
        }
    }
}
