using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Media.Tests.Files;
using TrueLive.Models.Onnx;
using TrueLive.Server.Journals;
using TrueLive.Server.Sessions;
using TrueLive.Server.Tests.Clips;

namespace TrueLive.Server.Tests.Journals;

public sealed class JournalTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_live_session_is_journalled_and_rendered_again_with_its_prompts_at_the_same_frames()
    {
        IReadOnlyList<IVideoModel> models = [OnnxVideoModel.Load(Path.Combine(AppContext.BaseDirectory, "models", "live-tiny"), 1, TimeProvider.System), new PassthroughModel()];
        await using var server = await ClipServer.StartAsync(files, models: models);
        var made = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/sessions", new { size = "256x192", prompt = "ink" }, Cancel));
        var id = (string)made["id"]!;
        var begun = await server.Http.PostAsync($"/v1/sessions/{id}/journal", null, Cancel);
        Assert.Equal(HttpStatusCode.Created, begun.StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await server.Http.PostAsync($"/v1/sessions/{id}/journal", null, Cancel)).StatusCode);
        Assert.True((bool)(await server.Http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{id}", Cancel))!["journal"]!["recording"]!);

        var registry = server.Services.GetRequiredService<SessionRegistry>();
        var seat = registry.Find(id)!;
        var camera = new SteppedCamera(40, frame =>
        {
            if (frame == 10)
                seat.Session.Update("a", new PromptChange("neon", null, TimeSpan.Zero));
            else if (frame == 25)
                seat.Session.Update("b", new PromptChange("oil", 0.5f, null));
            else if (frame == 30)
                seat.Session.Reset("c");
        });
        await registry.RunAsync(seat, "test", camera, camera, Cancel);
        var ended = await ClipServer.JsonAsync(await server.Http.DeleteAsync($"/v1/sessions/{id}/journal", Cancel));
        Assert.False((bool)ended["recording"]!);
        await server.Http.DeleteAsync($"/v1/sessions/{id}", Cancel);
        JsonNode journal;
        do
        {
            journal = (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/journals/{ended["id"]}", Cancel))!;
        }
        while ((long)journal["frames"]! < 40);
        Assert.Equal((0L, "live-tiny"), ((long)journal["lost_frames"]!, (string)journal["model"]!));

        var (cues, resets) = Journal.Open(Path.Combine(server.Data, "clips", "journals", (string)journal["id"]!))!.Prompts(models[0]);
        Assert.Equal([("ink", 0), ("neon", 10), ("oil", 25)], cues.Select(c => (c.Prompt.Text, (int)Math.Round(c.At.TotalSeconds * 30))));
        Assert.Equal(30, Assert.Single(resets));

        var job = await server.ClipAsync(new { journal = (string)journal["id"]!, size = "256x192" });
        var done = (await server.FollowAsync(job))[^1].Job;
        Assert.Equal(("done", 40L), ((string)done["state"]!, (long)done["frames_done"]!));

        Assert.Single((await server.Http.GetFromJsonAsync<JsonNode>("/v1/journals", Cancel))!["journals"]!.AsArray());
        Assert.Equal(HttpStatusCode.NoContent, (await server.Http.DeleteAsync($"/v1/journals/{journal["id"]}", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync($"/v1/journals/{journal["id"]}", Cancel)).StatusCode);
        Assert.Equal(0, camera.Rented);
    }

    [Fact]
    public async Task The_last_seconds_of_a_live_session_become_an_interactive_clip_where_the_operator_keeps_them()
    {
        await using var server = await ClipServer.StartAsync(files, o => o.ReplaySeconds = 1);
        var made = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/sessions", new { size = "256x192" }, Cancel));
        var registry = server.Services.GetRequiredService<SessionRegistry>();
        var seat = registry.Find((string)made["id"]!)!;
        var camera = new SteppedCamera(45, _ => { });
        await registry.RunAsync(seat, "test", camera, camera, Cancel);
        var clip = await server.Http.PostAsJsonAsync("/v1/interactive", new { session = (string)made["id"]!, size = "256x192" }, Cancel);
        Assert.Equal(HttpStatusCode.Created, clip.StatusCode);
        Assert.InRange((int)(await ClipServer.JsonAsync(clip))["source"]!["frames"]!, 30, 31);
        await server.Http.DeleteAsync($"/v1/sessions/{made["id"]}", Cancel);
        while (camera.Rented > 0)
            await Task.Yield();
    }

    /// <summary>A client that sends its next frame when the one before has come back, so that no frame is ever dropped.</summary>
    private sealed class SteppedCamera(int frames, Action<int> before) : IVideoSource, IVideoSink
    {
        private readonly FramePool _pool = new("stepped camera");
        private readonly SemaphoreSlim _back = new(1, 1);
        private int _next;

        public int Rented => _pool.Rented;

        public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
        {
            await _back.WaitAsync(cancel);
            if (_next == frames)
                return null;
            before(_next);
            var frame = _pool.Rent(256, 192);
            frame.Y.Fill((byte)(40 + 4 * _next));
            frame.U.Fill(110);
            frame.V.Fill(140);
            frame.Time = new FrameTime(_next, TimeSpan.FromSeconds(_next / 30.0), 0, (uint)(_next * 3000));
            _next++;
            return frame;
        }

        public ValueTask<bool> WriteAsync(VideoFrame frame, Provenance provenance, CancellationToken cancel)
        {
            _back.Release();
            return new(true);
        }
    }
}
