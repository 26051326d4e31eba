using System.Globalization;
using TrueLive.Core.Clips;
using TrueLive.Core.Models;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Clips;

namespace TrueLive.Server.Tests.Clips;

/// <summary>Clips of files from other programs have the same length, the requested container, and sound in sync.</summary>
public sealed class ClipTimeAndSoundTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static readonly string[] Scene = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=1.5"];

    // Black, and white from 0.5 to 1 s, with a tone during the same time: picture and sound must change together.
    private static readonly string[] Clap = ["-f", "lavfi", "-i",
        @"color=black:s=64x48:r=50:d=1.5,drawbox=c=white:t=fill:enable='between(t\,0.499\,0.999)'", "-f", "lavfi", "-i",
        "aevalsrc=sin(880*PI*t)*between(t\\,0.5\\,1):d=1.5", "-pix_fmt", "yuv420p"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<ClipFileResult> RenderAsync(string input, string output, Func<ClipFileSettings, ClipFileSettings>? change = null)
    {
        using var model = new PassthroughModel();
        PromptSchedule.TryOne("", out var prompts, out _);
        var settings = new ClipFileSettings
        {
            Input = input,
            Output = files[output],
            Prompts = prompts!,
            Model = model,
            Format = ClipFormats.ForOutput(null, output),
        };
        return await new ClipFileRender(change?.Invoke(settings) ?? settings, TimeProvider.System).RunAsync(CancellationToken.None, Cancel);
    }

    private async Task<double> FirstAsync(string detector, string tag) => double.Parse(
        (await files.AskAsync(detector, "-f", "lavfi", "-show_entries", $"frame_tags={tag}", "-of", "csv=p=0")).Split('\n')
            .Select(l => l.Trim(',', ' ', '\r')).First(l => l.Length > 0), CultureInfo.InvariantCulture);

    private async Task<double> LengthAsync(string name, string of = "format=duration") =>
        double.Parse((await files.AskAsync(files[name], "-show_entries", of, "-of", "csv=p=0")).Split('\n')[0].Trim(','),
            CultureInfo.InvariantCulture);

    [Theory]
    [InlineData("plain.mkv", "-c:a|pcm_s16le")]
    [InlineData("late.mkv", "-c:a|pcm_s16le|-output_ts_offset|7")]
    [InlineData("broadcast.ts", "-c:v|mpeg2video|-b:v|2M|-c:a|mp2")]
    [InlineData("edited.mp4", "-c:v|libx264|-bf|2|-c:a|aac")]
    [InlineData("old.avi", "-c:v|mpeg4|-bf|2|-c:a|mp3")]
    [InlineData("stream.flv", "-c:v|libx264|-c:a|aac")]
    [InlineData("web.webm", "-c:v|libvpx|-deadline|realtime|-c:a|libopus")]
    [InlineData("uneven.mkv", "-vf|select='lt(mod(n\\,10)\\,3)+between(n\\,24\\,26)+between(n\\,49\\,51)'|-fps_mode|vfr|-c:a|flac")]
    [Trait("Run", "long")]
    public async Task Sound_is_in_step_within_a_fortieth_of_a_second_whatever_the_file(string name, string coding)
    {
        var input = await files.MakeAsync(name, [.. Clap, .. coding.Split('|')]);
        await RenderAsync(input, name + ".mp4");
        var path = files[name + ".mp4"];
        var white = await FirstAsync($"movie={path},negate,blackdetect=d=0.1:pix_th=0.3", "lavfi.black_start");
        var tone = await FirstAsync($"amovie={path},silencedetect=n=-30dB:d=0.05", "lavfi.silence_end");
        Assert.InRange(tone - white, -0.04, 0.04);
        Assert.InRange(white, 0.45, 0.56);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Sound_that_begins_after_the_picture_stays_behind_it()
    {
        var input = await files.MakeAsync("behind.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=2", "-itsoffset", "0.7", "-f",
            "lavfi", "-i", "sine=d=1", "-pix_fmt", "yuv420p");
        await RenderAsync(input, "behind-out.mkv");
        Assert.InRange(await FirstAsync($"amovie={files["behind-out.mkv"]},silencedetect=n=-30dB:d=0.05", "lavfi.silence_end"), 0.66, 0.74);
    }

    [Theory]
    [InlineData("mp4")]
    [InlineData("mov")]
    [InlineData("mkv")]
    [InlineData("webm")]
    [InlineData("gif")]
    public async Task The_last_picture_of_the_source_is_held_in_the_clip_and_the_container_is_what_the_name_says(string ending)
    {
        var gif = await files.MakeAsync("hold.gif", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=1", "-final_delay", "300");
        var result = await RenderAsync(gif, $"held.{ending}");
        Assert.Equal((5L, 3.8), (result.Frames, Math.Round(result.Length.TotalSeconds, 2)));
        Assert.Equal(3.8, await LengthAsync($"held.{ending}"), 0.03);
        var format = await files.AskAsync(files[$"held.{ending}"], "-show_entries", "format=format_name:format_tags=major_brand",
            "-of", "csv=p=0");
        Assert.Contains(ending switch { "mkv" or "webm" => "matroska", "gif" => "gif", "mov" => ",qt", _ => "isom" }, format,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sound_under_a_held_picture_is_all_there()
    {
        // One picture for the whole of a talk, as is common for sound on video sites.
        var raw = await files.MakeAsync("talk-raw.mp4", "-f", "lavfi", "-i", "color=red:s=64x48:r=1:d=1", "-f", "lavfi", "-i", "sine=d=4",
            "-pix_fmt", "yuv420p", "-video_track_timescale", "1000");
        var input = await files.MakeAsync("talk.mp4", "-i", raw, "-c", "copy", "-video_track_timescale", "1000", "-bsf:v",
            "setts=duration=4000");
        var result = await RenderAsync(input, "talk-out.mp4");
        Assert.Equal((1L, 4.0), (result.Frames, Math.Round(result.Length.TotalSeconds, 1)));
        Assert.InRange(await LengthAsync("talk-out.mp4", "stream=duration"), 3.9, 4.1);
    }

    [Theory]
    [InlineData("5.1(side)", "mp4", "6", null)]
    [InlineData("5.1(side)", "webm", "6", null)]
    [InlineData("2.1", "webm", "2", "became stereo")]
    [InlineData("22.2", "mkv", "8", "became 7.1")]
    [InlineData("mono", "mov", "1", null)]
    public async Task Channels_are_kept_or_mapped_with_a_note(string layout, string ending, string channels, string? note)
    {
        var input = await files.MakeAsync($"layout-{layout}.mkv",
            [.. Scene, "-f", "lavfi", "-i", $"anoisesrc=d=1.5:r=48000,aformat=channel_layouts={layout}", "-c:a", "pcm_s16le"]);
        var result = await RenderAsync(input, $"layout-{layout}.{ending}");
        Assert.Equal(channels, await files.AskAsync(files[$"layout-{layout}.{ending}"], "-select_streams", "a", "-show_entries",
            "stream=channels", "-of", "csv=p=0"));
        Assert.Equal(note is not null, result.Notes.Any(n => n.Contains(note ?? "sound", StringComparison.Ordinal)));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task All_tracks_of_sound_are_kept_and_channels_without_a_place_are_not_lost_in_silence()
    {
        var two = await files.MakeAsync("two.mkv", [.. Scene, "-f", "lavfi", "-i", "sine=f=300:d=1.5", "-f", "lavfi", "-i",
            "sine=f=900:d=1.5", "-map", "0", "-map", "1", "-map", "2", "-metadata:s:a:1", "language=fra"]);
        await RenderAsync(two, "two-out.mkv");
        Assert.Equal("2",
            (await files.AskAsync(files["two-out.mkv"], "-select_streams", "a", "-show_entries", "stream=index", "-of", "csv=p=0"))
            .Split('\n').Length.ToString(CultureInfo.InvariantCulture));
        Assert.Contains("fra", await files.AskAsync(files["two-out.mkv"], "-show_entries", "stream_tags=language", "-of", "csv=p=0"),
            StringComparison.Ordinal);

        // Thirteen microphones in one uncompressed track without a channel layout.
        var many = await files.MakeAsync("many.mkv", [.. Scene, "-f", "lavfi", "-i",
            "aevalsrc=" + string.Join('|', Enumerable.Repeat("sin(880*PI*t)", 13)) + ":d=1.5:s=48000", "-c:a", "pcm_s16le"]);
        var result = await RenderAsync(many, "many-out.mp4");
        Assert.Contains(result.Notes, n => n.Contains("first two channels", StringComparison.Ordinal));
        Assert.Equal("2", await files.AskAsync(files["many-out.mp4"], "-select_streams", "a", "-show_entries", "stream=channels",
            "-of", "csv=p=0"));
    }

    [Fact]
    public async Task A_size_is_fitted_into_unless_it_is_to_be_filled()
    {
        var input = await files.MakeAsync("four-three.mkv", Scene);
        foreach (var (stretch, size) in new[] { (false, "256,192"), (true, "384,192") })
        {
            await RenderAsync(input, "sized.mp4", s => s with { Size = (384, 192), Stretch = stretch });
            Assert.Equal(size, await files.AskAsync(files["sized.mp4"], "-select_streams", "v", "-show_entries", "stream=width,height",
                "-of", "csv=p=0"));
        }
    }
}
