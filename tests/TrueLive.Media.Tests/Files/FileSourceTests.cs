using TrueLive.Core.Frames;
using TrueLive.Media.Files;

namespace TrueLive.Media.Tests.Files;

public sealed class FileSourceTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private readonly FramePool _pool = new("file test");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<(MediaFile File, List<(TimeSpan At, byte Y, byte U, byte V)> Frames)> ReadAsync(
        string path, int width = 0, int height = 0)
    {
        var file = await MediaFile.OpenAsync(path, Cancel);
        var frames = new List<(TimeSpan, byte, byte, byte)>();
        await using (var source = FileSource.Open(file, width == 0 ? file.Width : width, height == 0 ? file.Height : height, _pool))
        {
            while (await source.ReadAsync(Cancel) is { } frame)
            {
                using (frame)
                    frames.Add((frame.Ticket.Captured, frame.Y[frame.StrideY * (frame.Height / 2) + frame.Width / 2],
                        frame.U[0], frame.V[0]));
            }
        }
        Assert.Equal(0, _pool.Rented);
        return (file, frames);
    }

    [Fact]
    public async Task A_plain_clip_gives_every_frame_with_its_time()
    {
        var path = await files.MakeAsync("plain.mp4", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=2", "-pix_fmt", "yuv420p");
        var (file, frames) = await ReadAsync(path);
        Assert.Equal((320, 180, 25.0, 50L), (file.Width, file.Height, file.FrameRate, file.Frames));
        Assert.False(file.HasAudio);
        Assert.Equal(50, frames.Count);
        Assert.All(frames.Index(), f => Assert.Equal(f.Index / 25.0, f.Item.At.TotalSeconds, 0.0006));
    }

    [Fact]
    public async Task A_variable_frame_rate_stays_variable()
    {
        var path = await files.MakeAsync("vfr.mkv", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=2", "-vf",
            "select='lt(mod(n,10),3)+eq(mod(n,10),7)'", "-fps_mode", "vfr", "-pix_fmt", "yuv420p");
        var (_, frames) = await ReadAsync(path);
        Assert.Equal(24, frames.Count);
        Assert.Equal([0, 1, 2, 7, 10, 11, 12, 17], frames.Take(8).Select(f => (int)Math.Round(f.At.TotalSeconds * 30)));
    }

    [Fact]
    public async Task A_turned_picture_comes_out_upright()
    {
        var flat = await files.MakeAsync("flat.mp4", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=0.4", "-pix_fmt", "yuv420p");
        var turned = await files.TurnAsync("turned.mp4", flat);
        var (file, frames) = await ReadAsync(turned);
        Assert.Equal((180, 320), (file.Width, file.Height));
        Assert.Equal(10, frames.Count);
        Assert.Contains(file.Notes, n => n.Contains("turned", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("bt601", "smpte170m", "tv")]
    [InlineData("bt709", "bt709", "tv")]
    [InlineData("full", "bt709", "pc")]
    public async Task Red_stays_the_same_red_whatever_matrix_and_range_the_file_has(string name, string matrix, string range)
    {
        var path = await files.MakeAsync($"{name}.mkv", "-f", "lavfi", "-i", "color=c=0xC03020:s=320x180:r=25:d=0.2",
            "-vf", $"scale=out_color_matrix={(matrix == "bt709" ? "bt709" : "bt601")}:out_range={range},format=yuv420p", "-colorspace",
            matrix, "-color_range", range, "-c:v", "ffv1");
        var (_, frames) = await ReadAsync(path, 160, 96);
        // (192,48,32) in BT.709 limited.
        Assert.InRange(frames[0].Y, 78 - 2, 82 + 2);
        Assert.InRange(frames[0].U, 103 - 4, 105 + 4);
        Assert.InRange(frames[0].V, 193 - 6, 197 + 6);
    }

    [Theory]
    [InlineData("1280x720", "bt709")]
    [InlineData("320x180", "bt601")]
    public async Task A_file_that_does_not_name_its_matrix_is_read_as_players_read_its_size(string size, string matrix)
    {
        var path = await files.MakeAsync($"untagged-{size}.mp4", "-f", "lavfi", "-i", $"color=c=0xC03020:s={size}:r=25:d=0.2",
            "-vf", $"scale=out_color_matrix={matrix}:out_range=tv,format=yuv420p", "-c:v", "libx264", "-crf", "1", "-bsf:v",
            "h264_metadata=matrix_coefficients=2:colour_primaries=2:transfer_characteristics=2");
        var (file, frames) = await ReadAsync(path, 160, 96);
        Assert.Equal(size == "1280x720", file.Picture.HighDefinitionUntagged);
        Assert.InRange(frames[0].Y, 78 - 2, 82 + 2);
        Assert.InRange(frames[0].V, 193 - 6, 197 + 6);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Ten_bits_odd_sides_and_one_frame_are_taken()
    {
        var ten = await files.MakeAsync("ten.mkv", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=0.4", "-pix_fmt", "yuv420p10le",
            "-c:v", "ffv1");
        Assert.Equal(10, (await ReadAsync(ten)).Frames.Count);
        var odd = await files.MakeAsync("odd.mkv", "-f", "lavfi", "-i", "testsrc2=s=322x182:r=25:d=0.4", "-vf",
            "format=yuv444p,crop=321:181:0:0:exact=1", "-pix_fmt", "yuv444p", "-c:v", "ffv1");
        Assert.Equal(321, (await ReadAsync(odd)).File.Width);
        var one = await files.MakeAsync("one.png", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=1", "-frames:v", "1");
        Assert.Single((await ReadAsync(one)).Frames);
        var gif = await files.MakeAsync("anim.gif", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=1");
        Assert.Equal(10, (await ReadAsync(gif)).Frames.Count);
    }

    [Fact]
    public async Task A_cut_off_file_gives_what_is_there()
    {
        var whole = await files.MakeAsync("whole.mkv", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=4", "-pix_fmt", "yuv420p");
        var bytes = await File.ReadAllBytesAsync(whole, Cancel);
        await File.WriteAllBytesAsync(files["cut.mkv"], bytes[..(bytes.Length / 2)], Cancel);
        Assert.InRange((await ReadAsync(files["cut.mkv"])).Frames.Count, 20, 80);
    }

    [Fact]
    public async Task A_recording_that_does_not_say_how_long_it_is_is_measured_and_a_picture_is_a_picture()
    {
        // As MediaRecorder writes it: WebM to a stream, so the duration in its header was never filled in.
        var path = files["camera.webm"];
        using (var recorder = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("ffmpeg",
            ["-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=s=160x96:r=20:d=3", "-c:v", "libvpx", "-deadline", "realtime", "-f",
                "webm", "-live", "1", "pipe:1"])
        { RedirectStandardOutput = true })!)
        {
            await using var file = File.Create(path);
            await recorder.StandardOutput.BaseStream.CopyToAsync(file, Cancel);
        }
        Assert.Equal("N/A", await files.AskAsync(path, "-show_entries", "format=duration", "-of", "csv=p=0"));
        var film = await MediaFile.OpenAsync(path, Cancel);
        Assert.Equal((60L, false), (film.Frames, film.IsPicture));
        Assert.Equal(3, film.Duration.TotalSeconds, 0.1);
        Assert.Equal(20, film.FrameRate, 0.2);

        var picture = await MediaFile.OpenAsync(await files.MakeAsync("still.png", "-f", "lavfi", "-i", "testsrc2=s=160x96", "-frames:v",
            "1"), Cancel);
        Assert.Equal((1L, true, TimeSpan.Zero), (picture.Frames, picture.IsPicture, picture.Duration));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_recording_of_ours_says_how_long_it_is_once_it_is_closed_and_plays_when_it_was_not()
    {
        using var jpeg = new Media.Codecs.JpegCodec();
        var whole = new MemoryStream();
        var cut = Array.Empty<byte>();
        using (var video = new JpegMatroska(whole, new Dictionary<string, string> { ["truelive_tier"] = "live" }))
        {
            for (var i = 0; i < 20; i++)
            {
                using var frame = _pool.Rent(64, 48);
                frame.Y.Fill((byte)(10 * i));
                frame.U.Fill(128);
                frame.V.Fill(128);
                video.Write(jpeg.Encode(frame, 90), TimeSpan.FromMilliseconds(50 * i), 64, 48);
            }
            cut = whole.ToArray();
        }
        await File.WriteAllBytesAsync(files["closed.mkv"], whole.ToArray(), Cancel);
        await File.WriteAllBytesAsync(files["open.mkv"], cut, Cancel);
        Assert.Equal(1, double.Parse(await files.AskAsync(files["closed.mkv"], "-show_entries", "format=duration", "-of", "csv=p=0"),
            System.Globalization.CultureInfo.InvariantCulture), 0.001);
        Assert.Equal("live", await files.AskAsync(files["closed.mkv"], "-show_entries", "format_tags=TRUELIVE_TIER", "-of", "csv=p=0"));
        foreach (var name in new[] { "closed.mkv", "open.mkv" })
        {
            var (file, frames) = await ReadAsync(files[name]);
            Assert.Equal((20, 1.0), (frames.Count, Math.Round(file.Duration.TotalSeconds, 3)));
        }
    }

    [Theory]
    [InlineData("late.mp4")]
    [InlineData("late.mkv")]
    [InlineData("late.ts")]
    public async Task A_part_far_into_a_film_has_the_same_pictures_and_times_as_when_all_is_read(string name)
    {
        var path = await files.MakeAsync(name, "-f", "lavfi", "-i", "testsrc2=s=160x96:r=10:d=9", "-g", "37", "-pix_fmt", "yuv420p");
        var (file, all) = await ReadAsync(path);
        var part = new List<(TimeSpan, byte, byte, byte)>();
        await using (var source = await FileSource.OpenAtAsync(file, file.Width, file.Height, _pool, TimeSpan.FromSeconds(7), false,
            TimeSpan.Zero, 0, Cancel))
        {
            while (await source.ReadAsync(Cancel) is { } frame)
            {
                using (frame)
                    part.Add((frame.Ticket.Captured, frame.Y[frame.StrideY * (frame.Height / 2) + frame.Width / 2],
                        frame.U[0], frame.V[0]));
            }
        }
        // A transport stream has no index to seek by.
        Assert.InRange(part.Count, 20, file.SeeksExactly ? 40 : 90);
        Assert.Equal(all.TakeLast(20).Select(f => (Math.Round(f.At.TotalMilliseconds), f.Y, f.U, f.V)),
            part.TakeLast(20).Select(f => (Math.Round(f.Item1.TotalMilliseconds), f.Item2, f.Item3, f.Item4)));
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task What_is_not_a_video_is_refused_in_words()
    {
        await File.WriteAllTextAsync(files["text.mp4"], "This is a letter, not a film. " + new string('x', 5000), Cancel);
        await File.WriteAllBytesAsync(files["empty.mp4"], [], Cancel);
        var sound = await files.MakeAsync("sound.m4a", "-f", "lavfi", "-i", "sine=d=1");
        var huge = await files.MakeAsync("huge.mkv", "-f", "lavfi", "-i", "color=s=10000x6000:r=1:d=1", "-c:v", "ffv1");
        foreach (var (path, word) in new[] { (files["text.mp4"], "cannot be read"), (files["empty.mp4"], "is empty"),
            (sound, "no video (only audio)"), (huge, "at most 37 million pixels"), (files["nothing.mp4"], "does not exist") })
        {
            var failure = await Assert.ThrowsAsync<MediaFileException>(() => MediaFile.OpenAsync(path, Cancel));
            Assert.Contains(word, failure.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_playlist_that_names_other_files_is_not_opened()
    {
        var secret = await files.MakeAsync("secret.ts", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=1", "-f", "mpegts");
        await File.WriteAllTextAsync(files["list.mp4"],
            $"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n", Cancel);
        await File.WriteAllTextAsync(files["concat.mp4"], "ffconcat version 1.0\nfile secret.ts\n", Cancel);
        await Assert.ThrowsAsync<MediaFileException>(() => MediaFile.OpenAsync(files["list.mp4"], Cancel));
        await Assert.ThrowsAsync<MediaFileException>(() => MediaFile.OpenAsync(files["concat.mp4"], Cancel));
    }
}
