using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Media.Tests.Files;
using TrueLive.Models.Palettes;
using TrueLive.Server.Live.Control;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Tests.Clips;
using TrueLive.Server.Tests.Interactive;
using TrueLive.Tests.Shared;

namespace TrueLive.Server.Tests.Models;

/// <summary>The palette of a picture that a user sent, in every interface.</summary>
public sealed class PaletteTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static IReadOnlyList<IVideoModel> Models() => [PaletteModel.Of(new PassthroughModel(), TimeProvider.System)];

    [Fact]
    public async Task Live_it_is_accepted_and_applied_like_a_prompt_and_stands_in_the_trace_of_each_frame()
    {
        await using var server = await ClipServer.StartAsync(files, models: Models());
        var id = await SendAsync(server, "red", "color=0xc03020:s=96x64");
        await using var client = await JpegClient.ConnectAsync(server.Address, "size=128x64");
        await client.MessageAsync("session");
        Assert.Null((await client.SendUntilPictureAsync()).Trace["palette"]);
        await client.SayAsync($$$"""{"type":"set","id":"a","values":{"palette":"{{{id}}}"}}""");
        var accepted = await client.SendUntilAsync("accepted");
        Assert.Equal((id, 1), ((string)accepted["prompt"]!["palette"]!["picture"]!, (double)accepted["prompt"]!["palette"]!["strength"]!));
        var revision = (long)accepted["prompt"]!["revision"]!;
        Assert.Equal(revision, (long)(await client.SendUntilAsync("applied"))["first_frame"]!["revision"]!);
        JsonNode trace;
        do
            trace = (await client.SendUntilPictureAsync()).Trace;
        while ((long)trace["revision"]! < revision || trace["palette"] is null);
        Assert.Equal(id, (string)trace["palette"]!["picture"]!);
        await client.SayAsync("""{"type":"set","id":"b","values":{"palette_strength":1.5}}""");
        Assert.Contains("within 0..1", (string)(await client.SendUntilAsync("rejected"))["reason"]!, StringComparison.Ordinal);
        await client.SayAsync("""{"type":"prompt","id":"c","text":"half of the palette"}""");
        accepted = await client.SendUntilAsync("accepted");
        Assert.Equal(0.5, (double)accepted["prompt"]!["palette"]!["strength"]!);
        await client.SayAsync("""{"type":"set","id":"d","values":{"palette":""}}""");
        Assert.Null((await client.SendUntilAsync("accepted"))["prompt"]!["palette"]);
    }

    [Fact]
    public async Task In_a_clip_a_revision_and_a_journal_it_is_what_it_is_live()
    {
        var models = Models();
        await using var server = await ClipServer.StartAsync(files, models: models);
        var id = await SendAsync(server, "blue", "testsrc2=s=96x64,hue=s=0,colorchannelmixer=rr=0.2:gg=0.5:bb=1");
        var upload = await server.UploadAsync(await files.MakeAsync("plain.mkv", "-f", "lavfi", "-i", "testsrc2=s=128x64:r=10:d=0.6",
            "-vf", "hue=s=0", "-pix_fmt", "yuv420p"));
        var job = await server.ClipAsync(new { upload, format = "mkv", values = $"0.3s palette={id}", transition_ms = 0 });
        var done = (await server.FollowAsync(job))[^1].Job;
        Assert.Equal($"0.3s palette={id}", (string)done["values"]!);
        var blue = await BlueAsync(server, done);
        Assert.Equal(6, blue.Length);
        Assert.All(blue[..3], b => Assert.InRange(b, 126, 130));
        Assert.All(blue[3..], b => Assert.True(b > 136, $"{b}"));

        var clip = await ClipServer.JsonAsync(await server.Http.PostAsJsonAsync("/v1/interactive",
            new { upload, size = "128x64" }, Cancel));
        await using var page = await InteractiveClient.OpenAsync(server, clip);
        await page.SendAsync(new { type = "tweak", id = "a", values = new { palette = id } });
        Assert.Equal(id, (string)(await page.FullAsync(1))["values"]!["palette"]!);
        await page.SendAsync(new { type = "tweak", id = "b", values = new { palette_strength = 0.5 } });
        await page.FullAsync(2);
        Assert.NotEqual(page.Pictures[(1, 3)].Jpeg, page.Pictures[(2, 3)].Jpeg);

        var journal = await server.JournalAsync(new { size = "128x64" }, 4, 2,
            new PromptChange(null, null, TimeSpan.Zero) { Values = [new("palette", id)] });
        await server.Http.DeleteAsync($"/v1/pictures/{id}", Cancel);
        Assert.Equal([null, id], server.CuesOf(journal, models[0]).Select(c => Palette.Of(c.Prompt).Picture?.Id));
    }

    [Fact]
    public async Task Transparent_grey_and_very_small_pictures_are_taken_as_what_they_show_on_black()
    {
        await using var server = await ClipServer.StartAsync(files, models: Models());
        foreach (var (name, made) in new[]
        {
            ("dot", "color=red:s=16x16,format=rgb24,crop=1:1"),
            ("grey", "testsrc2=s=64x48,format=gray"), ("line", "color=white:s=2000x16,format=rgb24,crop=2000:1"),
            ("clear", "color=white@0:s=64x48,format=rgba"),
        })
        {
            var id = await SendAsync(server, name, made);
            var session = await server.Http.PostAsJsonAsync("/v1/sessions", new { size = "128x64", values = new { palette = id } }, Cancel);
            Assert.True(session.IsSuccessStatusCode, name);
            var view = await ClipServer.JsonAsync(session);
            Assert.Equal(id, (string)view["prompt"]!["palette"]!["picture"]!);
            var picture = server.Services.GetRequiredService<SessionRegistry>().Find((string)view["id"]!)!.Session.Settings.Prompt.Values
                .Picture("palette")!;
            using (var frame = picture.Rent(new FramePool("shown")))
            {
                if (name == "clear")
                    Assert.Equal(16, frame.Y[0]);
            }
            await server.Http.DeleteAsync($"/v1/sessions/{view["id"]}", Cancel);
        }
    }

    [Fact]
    public void A_model_with_a_picture_of_that_name_of_its_own_says_nothing_of_a_palette()
    {
        using var frame = new FramePool("palette view").Rent(16, 16);
        var picture = ReferencePicture.Of(frame, "test");
        foreach (var (model, shown) in new[] { (Models()[0], true), (new Painter(), false) })
        {
            var prompt = Prompt.None with { Values = ParameterValues.Of(model.Info.Parameters, [new("palette", picture.Id)], [picture]) };
            Assert.Same(picture, prompt.Values.Picture("palette"));
            Assert.Equal(shown, PromptView.From(new SessionSettings(model, 16, 16, prompt, 0, 0, false)).Palette is not null);
        }
    }

    private async Task<string> SendAsync(ClipServer server, string name, string source)
    {
        var path = await files.MakeAsync($"palette-{name}.png", "-f", "lavfi", "-i", source, "-frames:v", "1");
        var answer = await server.Http.PostAsync("/v1/pictures", new StreamContent(File.OpenRead(path)), Cancel);
        return (string)(await ClipServer.JsonAsync(answer))["id"]!;
    }

    // The mean of the blue chroma of each picture of a clip.
    private static Task<double[]> BlueAsync(ClipServer server, JsonNode done) => server.LookAsync(done, frame =>
    {
        long sum = 0;
        for (var y = 0; y < frame.ChromaHeight; y++)
        {
            foreach (var u in frame.U.Slice(y * frame.StrideC, frame.ChromaWidth))
                sum += u;
        }
        return (double)sum / (frame.ChromaWidth * frame.ChromaHeight);
    });

    private sealed class Painter : IVideoModel
    {
        public ModelInfo Info { get; } = new("painter", "1", "Painter", "", true, false, new ModelSizes(16, 4096, 2), [])
        { Parameters = [new(Palette.PictureId, "Palette", ParameterKind.Image)] };

        public PromptReading Read(string text) => PromptReading.Empty;

        public IModelSession CreateSession(int width, int height) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
