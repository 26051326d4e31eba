using TrueLive.Core.Clips;
using TrueLive.Core.Models;
using TrueLive.Core.Tiers;
using TrueLive.Media.Files;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Clips;

namespace TrueLive.Server.Tests.Clips;

/// <summary>Other people's programs read in a clip that AI made it.</summary>
public sealed class ClipMarkTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    [Theory]
    [InlineData("clip.mp4")]
    [InlineData("clip.mov")]
    [InlineData("clip.mkv")]
    [InlineData("clip.webm")]
    [InlineData("clip.gif")]
    [InlineData("clip")]
    public async Task A_clip_says_in_its_container_that_AI_made_it(string name)
    {
        var output = await RenderAsync(name, new TintingModel(Chunk.One));
        if (name is not ("clip.mkv" or "clip.webm"))
            Assert.All(Directory.Exists(output) ? Directory.GetFiles(output) : [output],
                path => Assert.Equal(AiMark.SourceType, Exiftool.SourceTypeOf(path)));
        if (name is not ("clip.gif" or "clip"))
            Assert.Equal(AiMark.SourceType, await TagAsync(output));
        // The mark breaks nothing.
        var shown = Directory.Exists(output) ? Path.Combine(output, "000001.png") : output;
        Assert.Matches("^[1-9]", await files.AskAsync(shown, "-count_frames", "-select_streams", "v", "-show_entries",
            "stream=nb_read_frames", "-of", "csv=p=0"));
    }

    [Fact]
    public async Task A_film_that_was_passed_through_is_not_marked()
    {
        var output = await RenderAsync("passed.mp4", new PassthroughModel());
        Assert.Equal("", Exiftool.SourceTypeOf(output));
        Assert.Equal("", await TagAsync(output));
    }

    [Fact]
    public async Task A_file_that_ends_in_half_a_box_is_left_as_it_is()
    {
        var path = await RenderAsync("whole.mp4", new PassthroughModel());
        var half = (await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken))[..^7];
        await File.WriteAllBytesAsync(path, half, TestContext.Current.CancellationToken);
        Xmp.AddToMp4(path, AiMark.SourceType);
        Assert.Equal(half, await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
    }

    private async Task<string> RenderAsync(string name, IVideoModel model)
    {
        var settings = new ClipFileSettings
        {
            Input = await files.MakeAsync("input.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=0.3", "-pix_fmt", "yuv420p"),
            Output = files[name],
            Prompts = PromptSchedule.TryOne("", out var none, out _) ? none : throw new InvalidOperationException(),
            Model = model,
            Format = ClipFormats.ForOutput(null, name),
        };
        await new ClipFileRender(settings, TimeProvider.System).RunAsync(CancellationToken.None, TestContext.Current.CancellationToken);
        return files[name];
    }

    private Task<string> TagAsync(string path) =>
        files.AskAsync(path, "-show_entries", $"format_tags={AiMark.Tag},{AiMark.Tag.ToUpperInvariant()}", "-of", "csv=p=0");
}
