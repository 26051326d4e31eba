using TrueLive.Core.Clips;
using TrueLive.Core.Models;
using TrueLive.Media.Files;
using TrueLive.Media.Tests.Files;
using TrueLive.Models.Onnx;
using TrueLive.Server.Clips;

namespace TrueLive.Server.Tests.Clips;

public sealed class ClipFileRenderTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static readonly string[] Scene = ["-f", "lavfi", "-i", "testsrc2=s=256x192:r=15:d=2", "-pix_fmt", "yuv420p"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static OnnxVideoModel Network(int threads = 1) =>
        OnnxVideoModel.Load(Path.Combine(AppContext.BaseDirectory, "models", "live-tiny"), threads, TimeProvider.System);

    private ClipFileSettings Settings(string input, string output, IVideoModel model, string prompts = "") => new()
    {
        Input = input,
        Output = files[output],
        Prompts = PromptSchedule.TryParse(prompts, out var schedule, out var error) ? schedule : throw new InvalidOperationException(error),
        Model = model,
        Format = ClipFormats.ForOutput(null, output),
    };

    private static Task<ClipFileResult> RenderAsync(ClipFileSettings settings) =>
        new ClipFileRender(settings, TimeProvider.System).RunAsync(CancellationToken.None, Cancel);

    [Theory]
    [InlineData("vfr", 12,
        "-f|lavfi|-i|testsrc2=s=320x180:r=30:d=1|-vf|select='lt(mod(n,10),3)+eq(mod(n,10),7)'|-fps_mode|vfr|-pix_fmt|yuv420p")]
    [InlineData("odd", 10,
        "-f|lavfi|-i|testsrc2=s=322x182:r=10:d=1|-vf|format=yuv444p,crop=321:181:0:0:exact=1|-pix_fmt|yuv444p|-c:v|ffv1")]
    [InlineData("ten-bit", 10, "-f|lavfi|-i|testsrc2=s=320x180:r=10:d=1|-pix_fmt|yuv420p10le|-c:v|ffv1")]
    [InlineData("one", 1, "-f|lavfi|-i|testsrc2=s=320x180:r=25:d=0.04|-pix_fmt|yuv420p")]
    public async Task Every_frame_of_an_unusual_file_comes_out_at_its_time(string name, int frames, string make)
    {
        var input = await files.MakeAsync($"{name}.mkv", make.Split('|'));
        using var model = new PassthroughModel();
        var result = await RenderAsync(Settings(input, $"{name}.mp4", model));
        Assert.Equal((frames, true), (result.Frames, result.Complete));
        Assert.Equal(await TimesAsync(input), await TimesAsync(files[$"{name}.mp4"]));
        Assert.False(Directory.Exists(files[$"{name}.mp4.truelive-work"]));
    }

    [Fact]
    public async Task Sound_is_kept_in_time_and_the_tier_is_in_the_file()
    {
        // The picture begins half a second after the sound, and the sound goes on after the picture has ended. A beep is heard 0.4 s after
        // the first picture.
        var input = await files.MakeAsync("sound.mkv", "-itsoffset", "0.5", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=10:d=1", "-f",
            "lavfi", "-i", "aevalsrc=sin(880*PI*t)*between(t\\,0.9\\,1.1):d=5", "-pix_fmt", "yuv420p", "-c:a", "aac");
        using var model = new PassthroughModel();
        var result = await RenderAsync(Settings(input, "sound.mp4", model));
        Assert.Equal(10, result.Frames);
        Assert.Equal("clip", await files.AskAsync(files["sound.mp4"], "-show_entries", "format_tags=truelive_tier", "-of", "csv=p=0"));
        Assert.Contains("Tier 1", await files.AskAsync(files["sound.mp4"], "-show_entries", "format_tags=comment", "-of", "csv=p=0"),
            StringComparison.Ordinal);
        var sound = double.Parse(await files.AskAsync(files["sound.mp4"], "-select_streams", "a", "-show_entries", "stream=duration", "-of",
            "csv=p=0"), System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(sound, 0.9, 1.15);
        var beep = await files.AskAsync($"amovie={files["sound.mp4"]},silencedetect=n=-30dB:d=0.05", "-f", "lavfi", "-show_entries",
            "frame_tags=lavfi.silence_end", "-of", "csv=p=0");
        Assert.InRange(double.Parse(beep, System.Globalization.CultureInfo.InvariantCulture), 0.37, 0.43);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Av1_is_written_where_ffmpeg_has_an_encoder_for_it()
    {
        var input = await files.MakeAsync("for-av1.mkv", "-f", "lavfi", "-i", "testsrc2=s=256x192:r=10:d=0.6", "-f", "lavfi", "-i",
            "sine=d=0.6", "-pix_fmt", "yuv420p");
        using var model = new PassthroughModel();
        await RenderAsync(Settings(input, "coded.mp4", model) with { Format = ClipFormat.Av1 });
        Assert.Equal("av1", await files.AskAsync(files["coded.mp4"], "-select_streams", "v", "-show_entries", "stream=codec_name",
            "-of", "csv=p=0"));
        Assert.Equal(await TimesAsync(input), await TimesAsync(files["coded.mp4"]));
    }

    [Fact]
    public async Task A_turned_picture_comes_out_upright()
    {
        var flat = await files.MakeAsync("flat.mp4", [.. Scene]);
        var turned = await files.TurnAsync("turned.mp4", flat);
        using var model = new PassthroughModel();
        await RenderAsync(Settings(turned, "upright.webm", model));
        Assert.Equal("192,256", await files.AskAsync(files["upright.webm"], "-select_streams", "v", "-show_entries", "stream=width,height",
            "-of", "csv=p=0"));
    }

    [Theory]
    [InlineData("text.mp4", "cannot be read")]
    [InlineData("empty.mp4", "is empty")]
    [InlineData("cut-off.mp4", "cannot be read")]
    [InlineData("sound-only.m4a", "holds no video")]
    [InlineData("huge.png", "million pixels")]
    public async Task What_is_no_video_is_said_in_words_and_leaves_nothing(string name, string words)
    {
        var input = files[name];
        if (name == "text.mp4")
            await File.WriteAllTextAsync(input, "This is a letter, not a film.", Cancel);
        else if (name == "empty.mp4")
            await File.WriteAllBytesAsync(input, [], Cancel);
        else if (name == "sound-only.m4a")
            await files.MakeAsync(name, "-f", "lavfi", "-i", "sine=f=440:d=0.2");
        else if (name == "cut-off.mp4")
            await File.WriteAllBytesAsync(input,
                (await File.ReadAllBytesAsync(await files.MakeAsync("whole.mp4", [.. Scene]), Cancel))[..20_000], Cancel);
        else
            await File.WriteAllBytesAsync(input, Bomb(60_000, 60_000), Cancel);
        using var model = new PassthroughModel();
        var error = await Assert.ThrowsAsync<MediaFileException>(() => RenderAsync(Settings(input, "never.mp4", model)));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(files.Folder, "never*"));
    }

    [Fact]
    public async Task A_film_longer_than_allowed_is_refused_even_when_its_header_lies()
    {
        var input = await files.MakeAsync("long.mkv", [.. Scene]);
        using var model = new PassthroughModel();
        var error = await Assert.ThrowsAsync<MediaFileException>(() =>
            RenderAsync(Settings(input, "short.mp4", model) with { MaxLength = TimeSpan.FromSeconds(1) }));
        Assert.Contains("at most 1 s", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_film_of_8K_is_scaled_to_what_the_model_takes()
    {
        var input = await files.MakeAsync("8k.mkv", "-f", "lavfi", "-i", "color=c=green:s=7680x4320:r=5:d=0.4", "-pix_fmt", "yuv420p",
            "-c:v", "ffv1");
        using var model = Network();
        var result = await RenderAsync(Settings(input, "8k.mp4", model));
        Assert.Equal(2, result.Frames);
        Assert.Equal("1280,720", await files.AskAsync(files["8k.mp4"], "-select_streams", "v", "-show_entries", "stream=width,height",
            "-of", "csv=p=0"));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Frames_are_the_same_on_one_and_two_threads()
    {
        var input = await files.MakeAsync("threads.mkv", [.. Scene]);
        using var one = Network(1);
        using var two = Network(2);
        await RenderAsync(Settings(input, "one", one, "0s ink; 1s neon"));
        await RenderAsync(Settings(input, "two", two, "0s ink; 1s neon"));
        Assert.Equal(Pictures("one"), Pictures("two"));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_rendering_that_was_stopped_goes_on_to_the_same_frames()
    {
        // When it is stopped, a full queue and the frame that waits for room in it are still in progress, so the film has many more frames.
        const int StopAt = 14, OnTheirWay = ClipRender.QueueFrames + 1, Film = 2 * (StopAt + OnTheirWay);
        var input = await files.MakeAsync("resume.mkv", "-f", "lavfi", "-i", "testsrc2=s=256x192:r=15", "-frames:v", $"{Film}",
            "-pix_fmt", "yuv420p");
        using var model = Network();
        await RenderAsync(Settings(input, "whole", model, "0s ink; 1s oil"));
        using var stop = new CancellationTokenSource();
        var steps = 0;
        var settings = Settings(input, "parts", model, "0s ink; 1s oil") with
        {
            Part = TimeSpan.FromMilliseconds(200),
            Resume = true,
            BeforeStep = _ =>
            {
                if (++steps == StopAt)
                    stop.Cancel();
            },
        };
        var first = await new ClipFileRender(settings, TimeProvider.System).RunAsync(stop.Token, Cancel);
        Assert.False(first.Complete);
        Assert.InRange(first.Frames, StopAt, StopAt + OnTheirWay);
        Assert.Equal(first.Frames, Pictures("parts").Length);
        var second = await RenderAsync(settings with { BeforeStep = null });
        Assert.Equal((Film, first.Frames, true), (second.Frames, second.Resumed, second.Complete));
        Assert.Equal(Pictures("whole"), Pictures("parts"));
        Assert.False(Directory.Exists(files["parts.truelive-work"]));
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_part_of_a_long_film_is_taken_and_goes_on_where_it_was_stopped_to_the_same_frames()
    {
        var input = await files.MakeAsync("part.mkv", "-f", "lavfi", "-i", "testsrc2=s=256x192:r=15:d=9", "-g", "40",
            "-pix_fmt", "yuv420p");
        using var model = Network();
        using var stop = new CancellationTokenSource();
        var steps = 0;
        var whole = Settings(input, "part-whole", model, "0s ink; 1s oil") with
        { Trim = (TimeSpan.FromSeconds(6.6), TimeSpan.FromSeconds(8.6)), MaxLength = TimeSpan.FromSeconds(4) };
        var render = new ClipFileRender(whole, TimeProvider.System);
        Assert.Equal(30, (await render.RunAsync(CancellationToken.None, Cancel)).Frames);
        Assert.Equal(30, render.Progress.FramesTotal);
        var settings = whole with
        {
            Output = files["part-resumed"],
            Part = TimeSpan.FromMilliseconds(200),
            Resume = true,
            BeforeStep = _ =>
            {
                if (++steps == 5)
                    stop.Cancel();
            },
        };
        var first = await new ClipFileRender(settings, TimeProvider.System).RunAsync(stop.Token, Cancel);
        Assert.InRange(first.Frames, 5, 29);
        var second = await RenderAsync(settings with { BeforeStep = null });
        Assert.Equal((30, first.Frames, true), (second.Frames, second.Resumed, second.Complete));
        Assert.Equal(Pictures("part-whole"), Pictures("part-resumed"));

        // The same part, cut with ffmpeg.
        await files.MakeAsync("part-cut.mkv", "-i", input, "-vf", "select='between(t,6.59,8.59)',setpts=PTS-6.6/TB", "-c:v", "ffv1");
        await RenderAsync(Settings(files["part-cut.mkv"], "part-cut", model, "0s ink; 1s oil"));
        Assert.Equal(Pictures("part-cut"), Pictures("part-whole"));
    }

    [Fact]
    public async Task A_film_with_more_pictures_than_its_length_can_hold_is_refused()
    {
        var input = await files.MakeAsync("dense.mkv", "-f", "lavfi", "-i", "color=s=64x48:r=500:d=0.8", "-c:v", "ffv1");
        using var model = new PassthroughModel();
        var error = await Assert.ThrowsAsync<MediaFileException>(() =>
            RenderAsync(Settings(input, "dense.mp4", model) with { MaxLength = TimeSpan.FromSeconds(1) }));
        Assert.Contains("more than the 120 frames", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_film_that_was_cut_off_gives_what_is_there_and_says_so()
    {
        var bytes = await File.ReadAllBytesAsync(await files.MakeAsync("whole.mkv", "-f", "lavfi", "-i", "testsrc2=s=256x192:r=15:d=8",
            "-pix_fmt", "yuv420p"), Cancel);
        await File.WriteAllBytesAsync(files["cut.mkv"], bytes[..(bytes.Length / 3)], Cancel);
        using var model = new PassthroughModel();
        var result = await RenderAsync(Settings(files["cut.mkv"], "from-cut.mp4", model));
        Assert.InRange(result.Frames, 20, 80);
        Assert.Contains(result.Notes, n => n.Contains("its pictures end at", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task What_was_finished_before_a_failure_stays_for_the_next_try()
    {
        var input = await files.MakeAsync("fails.mkv", [.. Scene]);
        using var model = new PassthroughModel();
        var steps = 0;
        var settings = Settings(input, "failing", model) with
        {
            Part = TimeSpan.FromMilliseconds(1),
            Resume = true,
            BeforeStep = _ =>
            {
                if (++steps >= 25 && Directory.EnumerateFiles(files["failing.truelive-work"], "part-*.mkv").Any())
                    throw new ModelStepException("The network failed.");
            },
        };
        await Assert.ThrowsAsync<ModelStepException>(() => RenderAsync(settings));
        var result = await RenderAsync(settings with { BeforeStep = null });
        Assert.Equal((30, true), (result.Frames, result.Complete));
        Assert.InRange(result.Resumed, 1, 29);
    }

    [Theory]
    [InlineData("a.mov", "-f|lavfi|-i|testsrc2=s=256x192:r=15:d=1|-pix_fmt|yuv420p")]
    [InlineData("a.webm", "-f|lavfi|-i|testsrc2=s=256x192:r=15:d=1|-c:v|libvpx|-pix_fmt|yuv420p")]
    [InlineData("/usr/share/doc/opencv-doc/examples/data/vtest.avi", null)]
    [InlineData("/usr/share/doc/opencv-doc/examples/data/tree.avi", null)]
    [InlineData("/usr/share/doc/opencv-doc/examples/data/Megamind.avi", null)]
    [InlineData("*", null)]
    [Trait("Run", "long")]
    public async Task Films_of_other_people_come_out_frame_for_frame(string name, string? make)
    {
        var inputs = make is not null ? [await files.MakeAsync(name, make.Split('|'))] : name == "*" ? SharedFilms() : File.Exists(name)
            ? [name]
            : Array.Empty<string>();
        Assert.SkipUnless(inputs.Length > 0, $"{name} is not on this machine.");
        using var model = new PassthroughModel();
        foreach (var input in inputs)
        {
            // The first two seconds exercise every stage; the benchmark renders whole films.
            var settings = Settings(input, "real.mp4", model) with { Size = (256, 192), Trim = (TimeSpan.Zero, TimeSpan.FromSeconds(2)) };
            var result = await RenderAsync(settings);
            Assert.True(result.Complete);
            var times = await TimesAsync(input, "-read_intervals", "%+3");
            Assert.Equal(times.Count(t => t < 200), result.Frames);
            Assert.All(times.Where(t => t < 200).Zip(await TimesAsync(files["real.mp4"])), t => Assert.InRange(t.Second - t.First, -1, 1));
        }
    }

    // Beside the repository, where the machine has them.
    private static string[] SharedFilms()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var folder = Path.Combine(at.FullName, "shared", "data", "video");
            if (Directory.Exists(folder))
                return [.. Directory.EnumerateFiles(folder).Where(f =>
                    Path.GetExtension(f) is ".mp4" or ".webm" or ".mov" or ".mkv" or ".avi").Order(StringComparer.Ordinal).Take(6)];
        }
        return [];
    }

    [Fact]
    public async Task A_cancelled_rendering_leaves_nothing()
    {
        var input = await files.MakeAsync("cancel.mkv", [.. Scene]);
        using var model = new PassthroughModel();
        using var cancel = new CancellationTokenSource();
        var settings = Settings(input, "cancelled.mp4", model) with { BeforeStep = _ => cancel.Cancel() };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new ClipFileRender(settings, TimeProvider.System)
            .RunAsync(CancellationToken.None, cancel.Token));
        Assert.Empty(Directory.EnumerateFileSystemEntries(files.Folder, "cancelled*"));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_film_divided_at_its_cuts_has_every_frame_at_its_time_and_says_so()
    {
        var input = await files.MakeAsync(
            "cuts.mp4", "-f", "lavfi", "-i", "testsrc2=s=256x192:r=10:d=3", "-f", "lavfi", "-i", "color=c=white:s=256x192:r=10:d=3", "-f",
            "lavfi", "-i", "mandelbrot=s=256x192:r=10",
            "-filter_complex", "[2:v]trim=duration=3,setsar=1[m];[0:v]setsar=1[a];[1:v]setsar=1[b];[a][b][m]concat=n=3:v=1,format=yuv420p",
            "-g", "17");
        using var model = Network();
        var result = await RenderAsync(Settings(input, "divided.mp4", model, "ink") with { Segments = true, Workers = 2 });
        Assert.Equal((90, true), (result.Frames, result.Complete));
        Assert.Contains(result.Notes, n => n.Contains("2 scene cuts", StringComparison.Ordinal));
        Assert.Equal(await TimesAsync(input), await TimesAsync(files["divided.mp4"]));
    }

    private string[] Pictures(string folder) =>
        [.. Directory.EnumerateFiles(files[folder], "*.png").Order()
            .Select(f => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f))))];

    private async Task<int[]> TimesAsync(string path, params string[] part)
    {
        var text = await files.AskAsync(path, [.. part, "-select_streams", "v", "-show_entries", "frame=best_effort_timestamp_time",
            "-of", "csv=p=0"]);
        var times = text.Split('\n').Select(t => t.Trim(',', ' ')).Where(t => t.Length > 0 && t != "N/A")
            .Select(t => double.Parse(t, System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        return [.. times.Select(t => (int)Math.Round((t - times[0]) * 100))];
    }

    // A picture of a few bytes that claims to be enormous.
    private static byte[] Bomb(int width, int height)
    {
        byte[] head = [0, 0, 0, 13, .. "IHDR"u8, (byte)(width >> 24), (byte)(width >> 16), (byte)(width >> 8), (byte)width,
            (byte)(height >> 24), (byte)(height >> 16), (byte)(height >> 8), (byte)height, 8, 2, 0, 0, 0];
        var sum = 0xFFFFFFFF;
        foreach (var b in head.AsSpan(4))
        {
            sum ^= b;
            for (var i = 0; i < 8; i++)
                sum = (sum & 1) != 0 ? sum >> 1 ^ 0xEDB88320 : sum >> 1;
        }
        sum = ~sum;
        byte[] crc = [(byte)(sum >> 24), (byte)(sum >> 16), (byte)(sum >> 8), (byte)sum];
        return [0x89, .. "PNG\r\n"u8, 0x1A, 0x0A, .. head, .. crc, 0, 0, 0, 0, .. "IDAT"u8, 0x35, 0xAF, 0x06, 0x1E];
    }
}
