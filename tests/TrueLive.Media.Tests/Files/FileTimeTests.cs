using System.Buffers.Binary;
using TrueLive.Core.Frames;
using TrueLive.Media.Files;

namespace TrueLive.Media.Tests.Files;

/// <summary>The length of a file and the times of its pictures come from its packets, not from what its header claims.</summary>
public sealed class FileTimeTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static readonly string[] Scene = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=1", "-pix_fmt", "yuv420p"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static async Task<double[]> TimesAsync(MediaFile file)
    {
        var times = new List<double>();
        await using var source = FileSource.Open(file, 64, 48, new FramePool("time test"));
        while (await source.ReadAsync(Cancel) is { } frame)
        {
            using (frame)
                times.Add(frame.Ticket.Captured.TotalSeconds);
        }
        return [.. times];
    }

    [Fact]
    public async Task The_last_picture_of_a_gif_is_held_as_long_as_it_says()
    {
        var path = await files.MakeAsync("hold.gif", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=1");
        var bytes = await File.ReadAllBytesAsync(path, Cancel);
        var last = bytes.AsSpan().LastIndexOf((ReadOnlySpan<byte>)[0x21, 0xF9, 0x04]);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(last + 4), 500);
        await File.WriteAllBytesAsync(path, bytes, Cancel);
        var file = await MediaFile.OpenAsync(path, Cancel);
        Assert.Equal((5.9, 5.0, 10L), (Math.Round(file.Duration.TotalSeconds, 3), file.LastPicture!.Value.TotalSeconds, file.Frames));
        Assert.Equal(10, file.FrameRate, 0.01);
    }

    [Theory]
    [InlineData("mp4")]
    [InlineData("mkv")]
    [Trait("Run", "long")]
    public async Task A_last_picture_that_another_program_holds_is_held_here_too(string ending)
    {
        // Two pictures, the second one shown for 4 s, made from ffmpeg's own kind of list.
        await files.MakeAsync("slide1.png", "-f", "lavfi", "-i", "color=red:s=64x48", "-frames:v", "1");
        await files.MakeAsync("slide2.png", "-f", "lavfi", "-i", "color=blue:s=64x48", "-frames:v", "1");
        await File.WriteAllTextAsync(files["slides.txt"],
            $"file '{files["slide1.png"]}'\nduration 1\nfile '{files["slide2.png"]}'\nduration 4\n", Cancel);
        var raw = await files.MakeAsync($"slides-raw.{ending}", "-f", "concat", "-safe", "0", "-i", files["slides.txt"], "-f", "lavfi",
            "-i", "sine=d=5", "-fps_mode", "vfr", "-pix_fmt", "yuv420p", "-bf", "0", "-video_track_timescale", "1000");
        var path = await files.MakeAsync($"slides.{ending}", "-i", raw, "-c", "copy", "-video_track_timescale", "1000", "-bsf:v",
            @"setts=duration=if(gte(PTS*TB\,0.9)\,4/TB\,DURATION)");
        var file = await MediaFile.OpenAsync(path, Cancel);
        Assert.Equal(5, file.Duration.TotalSeconds, 0.1);
    }

    [Fact]
    public async Task A_header_that_claims_twenty_hours_is_not_believed()
    {
        var path = await files.MakeAsync("lie.mkv", Scene);
        var bytes = await File.ReadAllBytesAsync(path, Cancel);
        var at = bytes.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x44, 0x89, 0x88]);
        BinaryPrimitives.WriteDoubleBigEndian(bytes.AsSpan(at + 3), 72_000_000);
        await File.WriteAllBytesAsync(path, bytes, Cancel);
        var file = await MediaFile.OpenAsync(path, Cancel);
        Assert.Equal((1.0, 10L), (Math.Round(file.Duration.TotalSeconds, 3), file.Frames));
        Assert.Contains(file.Notes, n => n.Contains("its pictures end at 1.0 s", StringComparison.Ordinal));

        var film = await files.MakeAsync("lie.mp4", Scene);
        bytes = await File.ReadAllBytesAsync(film, Cancel);
        foreach (var (box, offset) in new[] { ("mvhd", 20), ("mdhd", 20), ("tkhd", 24) })
        {
            at = bytes.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(box)) + 4;
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at + offset - 4), 1_500_000_000);
        }
        await File.WriteAllBytesAsync(film, bytes, Cancel);
        Assert.Equal(1, (await MediaFile.OpenAsync(film, Cancel)).Duration.TotalSeconds, 0.01);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Films_without_time_stamps_or_of_one_picture_in_five_seconds_are_taken_as_they_are()
    {
        var bare = await MediaFile.OpenAsync(await files.MakeAsync("bare.h264", Scene), Cancel);
        Assert.Equal((10L, 10), (bare.Frames, (await TimesAsync(bare)).Length));
        Assert.All((await TimesAsync(bare)).Zip((await TimesAsync(bare)).Skip(1)), t => Assert.True(t.Second > t.First + 0.01));

        var slow = await MediaFile.OpenAsync(await files.MakeAsync("slow.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=1/5:d=15",
            "-pix_fmt", "yuv420p"), Cancel);
        Assert.Equal([0, 5, 10], (await TimesAsync(slow)).Select(t => Math.Round(t, 2)));
        Assert.Equal(15, slow.Duration.TotalSeconds, 0.01);
    }

    [Theory]
    [InlineData("ts")]
    [InlineData("mkv")]
    public async Task A_clock_that_begins_anew_in_the_middle_takes_nothing_from_the_pictures_after_it(string ending)
    {
        // Two recordings in one file, as a recorder that was started twice leaves them.
        var one = await files.MakeAsync($"one.{ending}", [.. Scene, "-bf", "0"]);
        var two = files[$"two.{ending}"];
        var bytes = await File.ReadAllBytesAsync(one, Cancel);
        await File.WriteAllBytesAsync(two, [.. bytes, .. ending == "mkv" ? Clusters(bytes) : bytes], Cancel);
        var file = await MediaFile.OpenAsync(two, Cancel);
        var times = await TimesAsync(file);
        Assert.Equal(20, times.Length);
        Assert.All(times.Index(), t => Assert.Equal(t.Index / 10.0, t.Item, 0.11));
        Assert.Equal(2, file.Duration.TotalSeconds, 0.15);
    }

    private static byte[] Clusters(byte[] film) => film[film.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x1F, 0x43, 0xB6, 0x75])..];
}
