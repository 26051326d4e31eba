using TrueLive.Core.Frames;
using TrueLive.Media.Files;

namespace TrueLive.Media.Tests.Files;

/// <summary>Pictures as cameras, editors and phones store them come out as people see them.</summary>
public sealed class FilePictureTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private readonly FramePool _pool = new("picture test");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<VideoFrame> FirstAsync(MediaFile file, int width = 0, int height = 0, bool keepShape = false)
    {
        await using var source = FileSource.Open(file, width > 0 ? width : file.Width, height > 0 ? height : file.Height, _pool,
            keepShape: keepShape);
        return (await source.ReadAsync(Cancel))!;
    }

    private static byte At(VideoFrame frame, double x, double y) =>
        frame.Y[(int)(y * frame.Height) * frame.StrideY + (int)(x * frame.Width)];

    // A JPEG of 96 x 64 whose upper left quarter alone is white, with an EXIF orientation.
    private async Task<string> PhotographAsync(int orientation)
    {
        var flat = await files.MakeAsync("flat.jpg", "-f", "lavfi", "-i", "color=black:s=96x64,drawbox=0:0:48:32:white:fill", "-frames:v",
            "1", "-q:v", "2");
        var bytes = await File.ReadAllBytesAsync(flat, Cancel);
        byte[] exif = [.. "Exif\0\0MM\0*\0\0\0\u0008"u8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0, 0, 0, 0, 0];
        var path = files[$"photograph-{orientation}.jpg"];
        await File.WriteAllBytesAsync(path, [.. bytes[..2], 0xFF, 0xE1, 0, (byte)(exif.Length + 2), .. exif, .. bytes[2..]], Cancel);
        return path;
    }

    [Theory]
    [InlineData(1, 0, 0)]
    [InlineData(2, 1, 0)]
    [InlineData(3, 1, 1)]
    [InlineData(4, 0, 1)]
    [InlineData(5, 0, 0)]
    [InlineData(6, 1, 0)]
    [InlineData(7, 1, 1)]
    [InlineData(8, 0, 1)]
    public async Task A_photograph_is_upright_in_each_of_the_eight_ways_to_hold_a_camera(int orientation, int right, int below)
    {
        var file = await MediaFile.OpenAsync(await PhotographAsync(orientation), Cancel);
        Assert.Equal(orientation < 5 ? (96, 64) : (64, 96), (file.Width, file.Height));
        Assert.True(file.IsPicture);
        using var frame = await FirstAsync(file);
        foreach (var (x, y) in new[] { (0, 0), (1, 0), (0, 1), (1, 1) })
            Assert.Equal((x, y) == (right, below), At(frame, 0.2 + 0.6 * x, 0.2 + 0.6 * y) > 128);
    }

    [Fact]
    public async Task Kinds_of_photographs_that_browsers_show_are_taken()
    {
        // A large JPEG whose name looks like that of a series; one with a second picture appended, as phones write them; one with a print
        // resolution.
        var large = await MediaFile.OpenAsync(await files.MakeAsync("IMG_0001.jpg", "-f", "lavfi", "-i", "testsrc2=s=2000x1500",
            "-frames:v", "1"), Cancel);
        Assert.Equal((2000, true), (large.Width, large.IsPicture));
        var first = await File.ReadAllBytesAsync(files["IMG_0001.jpg"], Cancel);
        await File.WriteAllBytesAsync(files["two.jpg"], [.. first, .. first], Cancel);
        Assert.True((await MediaFile.OpenAsync(files["two.jpg"], Cancel)).IsPicture);
        first[13] = 1;
        (first[14], first[15], first[16], first[17]) = (0, 96, 0, 72);
        await File.WriteAllBytesAsync(files["paper.jpg"], first, Cancel);
        Assert.Equal((2000, 1500), ((await MediaFile.OpenAsync(files["paper.jpg"], Cancel)).Width,
            (await MediaFile.OpenAsync(files["paper.jpg"], Cancel)).Height));
        // A single picture whose name looks like a pattern.
        Assert.Equal(64,
            (await MediaFile.OpenAsync(await files.MakeAsync("shot-%%03d.png", "-f", "lavfi", "-i", "testsrc2=s=64x48", "-frames:v", "1",
            "-update", "1"), Cancel)).Width);
        var avif = await MediaFile.OpenAsync(await files.MakeAsync("still.avif", "-f", "lavfi", "-i", "testsrc2=s=64x48", "-frames:v", "1",
            "-c:v", "libaom-av1", "-still-picture", "1", "-cpu-used", "8"), Cancel);
        Assert.Equal((64, true, 1L), (avif.Width, avif.IsPicture, avif.Frames));
        var moving = await MediaFile.OpenAsync(await files.MakeAsync("moving.apng", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=1"),
            Cancel);
        Assert.Equal((5L, false, 1.0), (moving.Frames, moving.IsPicture, moving.Duration.TotalSeconds));
    }

    [Fact]
    public async Task What_this_ffmpeg_does_not_read_is_named_for_what_it_is()
    {
        await File.WriteAllBytesAsync(files["phone.heic"], [0, 0, 0, 24, .. "ftypheic\0\0\0\0mif1heic"u8, .. new byte[500]], Cancel);
        var heic = await Assert.ThrowsAsync<MediaFileException>(() => MediaFile.OpenAsync(files["phone.heic"], Cancel));
        Assert.Contains("HEIC photographs are not read", heic.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fields.ts", "mpeg2video", "-flags|+ildct+ilme")]
    [InlineData("fields.mov", "prores_ks", "-flags|+ildct|-top|1")]
    [InlineData("fields.mkv", "libx264", "-flags|+ildct+ilme")]
    public async Task Combs_of_interlaced_films_are_gone_and_a_note_says_so(string name, string codec, string flags)
    {
        var path = await files.MakeAsync(name, ["-f", "lavfi", "-i", "color=gray:s=320x288:r=50:d=0.4", "-f", "lavfi", "-i",
            "color=white:s=40x200:r=50:d=0.4",
            "-filter_complex", @"[0][1]overlay=x='mod(n*12\,280)':y=44:shortest=1,tinterlace=interleave_top,setfield=tff,format=yuv420p",
            "-c:v", codec, "-b:v", "8M", .. flags.Split('|')]);
        var file = await MediaFile.OpenAsync(path, Cancel);
        Assert.Contains(SourcePicture.InterlacedNote, file.Notes);
        using var frame = await FirstAsync(file);
        var (next, second) = (0L, 0L);
        for (var y = 80; y < 200; y++)
        {
            for (var x = 0; x < frame.Width; x++)
            {
                next += Math.Abs(frame.Y[y * frame.StrideY + x] - frame.Y[(y + 1) * frame.StrideY + x]);
                second += Math.Abs(frame.Y[y * frame.StrideY + x] - frame.Y[(y + 2) * frame.StrideY + x]);
            }
        }
        Assert.True(next <= 1.5 * second + 1000, $"{next} between lines next to each other, {second} between those two apart.");
    }

    [Theory]
    [InlineData("over.png", "png", "rgba")]
    [InlineData("over.webm", "libvpx-vp9", "yuva420p")]
    [InlineData("over.mov", "prores_ks", "yuva444p10le")]
    [InlineData("over.mkv", "ffv1", "yuva420p")]
    [InlineData("over.webp", "libwebp", "yuva420p")]
    public async Task What_is_transparent_is_black_and_nothing_of_what_lies_under_it_is_seen(string name, string codec, string pixels)
    {
        var path = await files.MakeAsync(name, "-f", "lavfi", "-i", "color=white:s=64x48:r=5:d=0.2", "-vf",
            @"format=rgba,geq=r=255:g='255*mod(floor(Y/8)\,2)':b=0:a='if(lt(X\,32)\,255\,0)'", "-frames:v", "1", "-c:v", codec,
            "-pix_fmt", pixels);
        var file = await MediaFile.OpenAsync(path, Cancel);
        Assert.Contains(file.Notes, n => n == "Where the picture is transparent, black is seen.");
        using var frame = await FirstAsync(file);
        Assert.InRange(At(frame, 0.2, 0.5), 50, 235);
        for (var y = 0; y < frame.Height; y++)
            Assert.InRange(frame.Y[y * frame.StrideY + 50], 16, 20);
    }

    [Theory]
    [InlineData("laid.png", "rgba", "#ff0000", 63, 102, 240)]
    [InlineData("laid.png", "rgba", "White", 235, 128, 128)]
    [InlineData("laid.webp", "yuva420p", "#00b140", 129, 96, 55)]
    public async Task What_is_transparent_has_the_colour_that_was_asked_for(string name, string pixels, string colour, int y, int u, int v)
    {
        var path = await files.MakeAsync(name, "-f", "lavfi", "-i", "color=white:s=64x48", "-vf",
            "format=rgba,geq=r=255:g=255:b=0:a='if(lt(X,32),255,if(lt(X,48),128,0))'", "-frames:v", "1", "-pix_fmt", pixels);
        Assert.True(Backdrop.TryParse(colour, out var backdrop));
        var file = (await MediaFile.OpenAsync(path, Cancel)).Over(backdrop);
        Assert.Contains(file.Notes, n => n == $"Where the picture is transparent, {backdrop} is seen.");
        using var frame = await FirstAsync(file);
        Assert.Equal(219, At(frame, 0.2, 0.5), 4.0);
        Assert.Equal(y, At(frame, 0.9, 0.5), 3.0);
        Assert.Equal((y + 219) / 2.0, At(frame, 0.62, 0.5), 5.0);
        Assert.Equal(u, frame.U[29], 4.0);
        Assert.Equal(v, frame.V[29], 4.0);
    }

    [Theory]
    [InlineData("")]
    [InlineData("#12")]
    [InlineData("#1234567")]
    [InlineData("#gg0000")]
    [InlineData("transparent")]
    [InlineData("Window")]
    [InlineData("octarine")]
    public void A_colour_that_is_none_is_refused(string text) => Assert.False(Backdrop.TryParse(text, out _));

    [Theory]
    [InlineData("smpte2084")]
    [InlineData("arib-std-b67")]
    public async Task High_dynamic_range_is_brought_to_ordinary_screens(string transfer)
    {
        // Half of the code range is 92 nits in PQ, about ordinary white, and a twelfth of the peak in HLG.
        var path = await files.MakeAsync($"{transfer}.mkv", "-f", "lavfi", "-i", "color=gray:s=64x48:r=5:d=0.4", "-vf",
            $"format=yuv420p10le,setparams=color_trc={transfer}:color_primaries=bt2020:colorspace=bt2020nc:range=tv", "-c:v", "ffv1",
            "-color_trc", transfer, "-color_primaries", "bt2020");
        var file = await MediaFile.OpenAsync(path, Cancel);
        Assert.Contains(file.Notes, n => n.Contains("high dynamic range", StringComparison.Ordinal));
        Assert.Contains(file.Notes, n => n.Contains("10 bits", StringComparison.Ordinal));
        using var frame = await FirstAsync(file);
        Assert.InRange(At(frame, 0.5, 0.5), 90, 200);
        Assert.InRange(frame.U[0], 126, 130);
    }

    [Fact]
    public async Task A_picture_keeps_its_shape_in_a_frame_of_another()
    {
        var file = await MediaFile.OpenAsync(await files.MakeAsync("wide.mkv", "-f", "lavfi", "-i", "color=white:s=128x48:r=5:d=0.4", "-vf",
            "setsar=1/2", "-c:v", "ffv1"), Cancel);
        Assert.Equal((64, 48), (file.Width, file.Height));
        using var frame = await FirstAsync(file, 128, 48, keepShape: true);
        Assert.True(At(frame, 0.5, 0.5) > 200 && At(frame, 0.1, 0.5) < 20 && At(frame, 0.9, 0.5) < 20);
        using var filled = await FirstAsync(file, 128, 48);
        Assert.True(At(filled, 0.1, 0.5) > 200);
        Assert.Null(PictureShape.Inside(1920, 1080, 512, 288));
    }
}
