using System.Diagnostics;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Clips;
using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Media.Tests.Files;
using TrueLive.Models.Onnx;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Journals;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;
using TrueLive.Server.Tests.Clips;

namespace TrueLive.Server.Tests.Journals;

public sealed class JournalTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Run", "long")]
    public async Task A_live_session_is_journalled_and_rendered_again_with_its_prompts_at_the_same_frames()
    {
        IReadOnlyList<IVideoModel> models = [OnnxVideoModel.Load(Path.Combine(AppContext.BaseDirectory, "models", "live-tiny"), 1,
            TimeProvider.System), new PassthroughModel()];
        await using var server = await ClipServer.StartAsync(files, models: models);
        var made = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/sessions",
            new { size = "256x192", prompt = "ink" }, Cancel));
        var id = (string)made["id"]!;
        var begun = await server.Http.PostAsync($"/v1/sessions/{id}/journal", null, Cancel);
        Assert.Equal(HttpStatusCode.Created, begun.StatusCode);
        var again = await server.Http.PostAsync($"/v1/sessions/{id}/journal", null, Cancel);
        Assert.Equal((HttpStatusCode.Conflict, "live"),
            (again.StatusCode, (string)(await again.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["tier"]!));
        Assert.True((bool)(await server.Http.GetFromJsonAsync<JsonNode>($"/v1/sessions/{id}", Cancel))!["journal"]!["recording"]!);

        var registry = server.Services.GetRequiredService<SessionRegistry>();
        var hosted = registry.Find(id)!;
        var camera = new SteppedCamera(40, frame =>
        {
            // Half of the writer's queue, so that no picture is lost.
            SpinWait.SpinUntil(() => frame - hosted.Observer.Recorder!.View.Frames < 8, TimeSpan.FromMinutes(5));
            if (frame == 10)
                hosted.Session.Update("a", new PromptChange("neon", null, TimeSpan.Zero));
            else if (frame == 25)
                hosted.Session.Update("b", new PromptChange("oil", 0.5f, null));
            else if (frame == 30)
                hosted.Session.Reset("c");
        });
        await registry.RunAsync(hosted, "test", camera, camera, Cancel);
        var ended = await ClipServer.JsonAsync(await server.Http.DeleteAsync($"/v1/sessions/{id}/journal", Cancel));
        Assert.False((bool)ended["recording"]!);
        await server.Http.DeleteAsync($"/v1/sessions/{id}", Cancel);
        JsonNode journal;
        do
        {
            journal = (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/journals/{ended["id"]}", Cancel))!;
        }
        while ((long)journal["frames"]! + (long)journal["lost_frames"]! < 40);
        await server.Services.GetRequiredService<JournalStore>().WrittenAsync((string)journal["id"]!).WaitAsync(Cancel);
        Assert.Equal((0L, "live-tiny"), ((long)journal["lost_frames"]!, (string)journal["model"]!));

        var (cues, resets) = Journal.Open(Path.Combine(server.Data, "clips", "journals", (string)journal["id"]!))!.Prompts(models[0]);
        Assert.Equal([("ink", 0), ("neon", 10), ("oil", 25)], cues.Select(c => (c.Prompt.Text, (int)Math.Round(c.At.TotalSeconds * 30))));
        Assert.Equal(30, Assert.Single(resets));

        var job = await server.ClipAsync(new { journal = (string)journal["id"]!, size = "256x192" });
        var done = (await server.FollowAsync(job))[^1].Job;
        Assert.Equal(("done", 40L), ((string)done["state"]!, (long)done["frames_done"]!));

        // Up to the frame at which the prompt changed it is the old look, and from that frame on the new one.
        var pictures = (await server.FollowAsync(await server.ClipAsync(new
        { journal = (string)journal["id"]!, size = "256x192", format = "png" })))[^1].Job;
        Assert.Equal(40L, (long)pictures["frames_total"]!);
        using var zip = new ZipArchive(await server.Http.GetStreamAsync((string)pictures["result"]!["url"]!, Cancel));
        var old = files["old-look"];
        await new ClipFileRender(
            new ClipFileSettings
            {
                Input = Path.Combine(server.Data, "clips", "journals", (string)journal["id"]!, "input.mkv"),
                Output = old,
                Prompts = Schedule("ink"),
                Model = models[0],
                Size = (256, 192),
                Format = Media.Files.ClipFormat.Png,
            }, TimeProvider.System).RunAsync(CancellationToken.None, Cancel);
        foreach (var (number, same) in new[] { (1, true), (9, true), (10, true), (11, false) })
        {
            var name = $"{number:000000}.png";
            using var picture = new MemoryStream();
            await using (var entry = await zip.GetEntry(name)!.OpenAsync(Cancel))
                await entry.CopyToAsync(picture, Cancel);
            var before = await File.ReadAllBytesAsync(Path.Combine(old, name), Cancel);
            Assert.Equal(same, picture.ToArray().SequenceEqual(before));
        }

        Assert.Single((await server.Http.GetFromJsonAsync<JsonNode>("/v1/journals", Cancel))!["journals"]!.AsArray());
        Assert.Equal(HttpStatusCode.NoContent, (await server.Http.DeleteAsync($"/v1/journals/{journal["id"]}", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync($"/v1/journals/{journal["id"]}", Cancel)).StatusCode);
        Assert.Equal(0, camera.Rented);
    }

    [Fact]
    public async Task The_prompts_of_a_session_whose_model_takes_chunks_are_journalled_at_the_frames_that_they_made()
    {
        IReadOnlyList<IVideoModel> models = [new HoldingModel(new FramePool("held"), new Chunk(4, 4, 0))];
        await using var server = await ClipServer.StartAsync(files, models: models);
        var made = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/sessions",
            new { size = "256x192", prompt = "ink" }, Cancel));
        var begun = await ClipServer.JsonAsync(await server.Http.PostAsync($"/v1/sessions/{made["id"]}/journal", null, Cancel));
        var registry = server.Services.GetRequiredService<SessionRegistry>();
        var hosted = registry.Find((string)made["id"]!)!;
        var camera = new SteppedCamera(40, frame =>
        {
            SpinWait.SpinUntil(() => frame - hosted.Observer.Recorder!.View.Frames < 8, TimeSpan.FromMinutes(5));
            if (frame == 10)
                hosted.Session.Update("a", new PromptChange("neon", null, TimeSpan.Zero));
        }, ahead: 4);
        await registry.RunAsync(hosted, "test", camera, camera, Cancel);
        await server.Http.DeleteAsync($"/v1/sessions/{made["id"]}", Cancel);
        await server.Services.GetRequiredService<JournalStore>().WrittenAsync((string)begun["id"]!);
        var (cues, _) = Journal.Open(Path.Combine(server.Data, "clips", "journals", (string)begun["id"]!))!.Prompts(models[0]);
        // Frames 8 and 9 were inside the model when the prompt came, and were made with it.
        Assert.Equal([("ink", 0), ("neon", 8)], cues.Select(c => (c.Prompt.Text, (int)Math.Round(c.At.TotalSeconds * 30))));
        var done = (await server.FollowAsync(await server.ClipAsync(new { journal = (string)begun["id"]!, size = "256x192" })))[^1].Job;
        Assert.Equal(("done", 40L), ((string)done["state"]!, (long)done["frames_done"]!));
        Assert.Equal(0, camera.Rented);
    }

    private static PromptSchedule Schedule(string text) =>
        PromptSchedule.TryParse(text, out var schedule, out var error) ? schedule : throw new InvalidOperationException(error);

    [Fact]
    public async Task A_journal_ends_at_its_length_is_not_rendered_before_it_ends_and_says_when_its_model_is_another()
    {
        IReadOnlyList<IVideoModel> models = [new PassthroughModel()];
        await using var server = await ClipServer.StartAsync(files, o => o.JournalSeconds = 1, models);
        var made = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/sessions", new { size = "256x192" }, Cancel));
        var begun = await ClipServer.JsonAsync(await server.Http.PostAsync($"/v1/sessions/{made["id"]}/journal", null, Cancel));
        Assert.Equal(("live", true), ((string)begun["tier"]!, (bool)begun["recording"]!));
        var early = await server.Http.PostAsJsonAsync("/v1/clips", new { journal = (string)begun["id"]! }, Cancel);
        Assert.Equal(HttpStatusCode.Conflict, early.StatusCode);
        var registry = server.Services.GetRequiredService<SessionRegistry>();
        var camera = new SteppedCamera(50, _ => { });
        await registry.RunAsync(registry.Find((string)made["id"]!)!, "test", camera, camera, Cancel);
        var ended = (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/journals/{begun["id"]}", Cancel))!;
        Assert.Equal((false, "It reached the 1 s that a journal may have."), ((bool)ended["recording"]!, (string)ended["ended_because"]!));
        await server.Services.GetRequiredService<JournalStore>().WrittenAsync((string)begun["id"]!);
        // This camera has no fixed rate, so pictures that the writer could not keep up with are counted as lost.
        var written = (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/journals/{begun["id"]}", Cancel))!;
        Assert.Equal(31, (long)written["frames"]! + (long)written["lost_frames"]!);

        var state = Path.Combine(server.Data, "clips", "journals", (string)begun["id"]!, "journal.json");
        var version = models[0].Info.Version;
        await File.WriteAllTextAsync(state, (await File.ReadAllTextAsync(state, Cancel))
            .Replace($"\"ModelVersion\":\"{version}\"", "\"ModelVersion\":\"of last year\"", StringComparison.Ordinal), Cancel);
        var done = (await server.FollowAsync(await server.ClipAsync(new { journal = (string)begun["id"]! })))[^1].Job;
        Assert.Equal(("done", (long)written["frames"]!), ((string)done["state"]!, (long)done["frames_done"]!));
        Assert.Contains("of last year", (string)done["notes"]![0]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_journal_ends_at_its_size_and_is_gone_when_its_time_is_over()
    {
        await using var server = await ClipServer.StartAsync(files, o => (o.JournalMb, o.ClipKeepHours) = (1, 2));
        var made = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/sessions", new { size = "256x192" }, Cancel));
        var begun = await ClipServer.JsonAsync(await server.Http.PostAsync($"/v1/sessions/{made["id"]}/journal", null, Cancel));
        var registry = server.Services.GetRequiredService<SessionRegistry>();
        var camera = new SteppedCamera(40, _ => { }, noise: true);
        await registry.RunAsync(registry.Find((string)made["id"]!)!, "test", camera, camera, Cancel);
        await server.Services.GetRequiredService<JournalStore>().WrittenAsync((string)begun["id"]!);
        var ended = (await server.Http.GetFromJsonAsync<JsonNode>($"/v1/journals/{begun["id"]}", Cancel))!;
        Assert.Equal("It reached the 1 MB that it may have.", (string)ended["ended_because"]!);
        Assert.InRange((long)ended["bytes"]!, 1 << 20, 2 << 20);

        var later = new FakeTimeProvider(TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(1));
        var options = new ServerOptions { DataFolder = server.Data, ClipKeepHours = 2 };
        var store = new JournalStore(new ClipFolders(options), options, later);
        store.Expire();
        Assert.NotNull(store.Find("local", (string)begun["id"]!));
        later.Advance(TimeSpan.FromHours(1.1));
        store.Expire();
        Assert.Null(store.Find("local", (string)begun["id"]!));
    }

    [Fact]
    public async Task A_journal_of_a_server_that_was_killed_does_not_record_for_ever()
    {
        await using var server = await ClipServer.StartAsync(files);
        var id = ClipQueue.NewId();
        var folder = Path.Combine(server.Data, "clips", "journals", id);
        ClipFolders.Own(folder, "");
        var view = new JournalView(id, "gone", true, DateTimeOffset.UnixEpoch, 150, 0, 5, 1000, 600, 1 << 20, "live-tiny", "1", "256x192",
            DateTimeOffset.MaxValue);
        await File.WriteAllBytesAsync(Path.Combine(folder, "journal.json"),
            System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new JournalState(view, [], []), JournalJson.Default.JournalState), Cancel);
        var journals = server.Services.GetRequiredService<JournalStore>();
        Assert.Equal((false, "The server stopped while it was recorded."),
            (journals.Find("", id)!.View.Recording, journals.Find("", id)!.View.EndedBecause));
    }

    [Fact]
    public async Task A_journal_that_ends_while_it_is_looked_at_was_not_left_by_a_server_that_was_killed()
    {
        await using var server = await ClipServer.StartAsync(files);
        var made = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/sessions", new { size = "256x192" }, Cancel));
        var answer = await server.Http.PostAsync($"/v1/sessions/{made["id"]}/journal", null, Cancel);
        var id = (string)(await ClipServer.JsonAsync(answer))["id"]!;
        var journals = server.Services.GetRequiredService<JournalStore>();
        var state = Path.Combine(server.Data, "clips", "journals", id, "journal.json");
        var begun = await File.ReadAllBytesAsync(state, Cancel);
        File.Delete(state);
        using (var make = Process.Start("mkfifo", [state]))
            await make.WaitForExitAsync(Cancel);
        var looking = Task.Run(() => journals.Find("local", id), Cancel);
        // Opens when the other side has opened it to read; what is on disk then is older than the end.
        var opening = Task.Run(() => new FileStream(state, FileMode.Open, FileAccess.Write, FileShare.ReadWrite), Cancel);
        Assert.Same(opening, await Task.WhenAny(opening, looking).WaitAsync(Cancel));
        await using (var held = await opening)
        {
            await server.Http.DeleteAsync($"/v1/sessions/{made["id"]}/journal", Cancel);
            while (journals.WrittenAsync(id) != Task.CompletedTask)
                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Cancel);
            await held.WriteAsync(begun, Cancel);
        }
        var found = (await looking)!.View;
        Assert.Equal((false, "It was stopped."), (found.Recording, found.EndedBecause));
    }

    [Fact]
    public async Task The_last_seconds_of_a_live_session_become_an_interactive_clip_where_the_operator_keeps_them()
    {
        await using var server = await ClipServer.StartAsync(files, o => o.ReplaySeconds = 1);
        var made = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/sessions", new { size = "256x192" }, Cancel));
        var registry = server.Services.GetRequiredService<SessionRegistry>();
        var hosted = registry.Find((string)made["id"]!)!;
        var camera = new SteppedCamera(45, _ => { });
        await registry.RunAsync(hosted, "test", camera, camera, Cancel);
        var clip = await server.Http.PostAsJsonAsync("/v1/interactive", new { session = (string)made["id"]!, size = "256x192" }, Cancel);
        Assert.Equal(HttpStatusCode.Created, clip.StatusCode);
        Assert.InRange((int)(await ClipServer.JsonAsync(clip))["source"]!["frames"]!, 30, 31);
        await server.Http.DeleteAsync($"/v1/sessions/{made["id"]}", Cancel);
        while (camera.Rented > 0)
            await Task.Yield();
    }
}
