using TrueLive.Core.Frames;
using TrueLive.Media.Files;

namespace TrueLive.Media.Tests.Files;

public sealed class FileSinkTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private readonly FramePool _pool = new("file test");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<(List<ClipSegment> Segments, MediaFile Source)> SegmentsAsync(string source, ClipFormat format, int perSegment)
    {
        var file = await MediaFile.OpenAsync(source, Cancel);
        await using var frames = FileSource.Open(file, file.Width, file.Height, _pool);
        var segments = new List<ClipSegment>();
        FileSink? sink = null;
        while (await frames.ReadAsync(Cancel) is { } frame)
        {
            using (frame)
            {
                if (sink is null)
                {
                    segments.Add(new ClipSegment(files[$"{Path.GetFileName(source)}-{format}-{segments.Count}.mkv"],
                        frame.Ticket.Captured));
                    sink = await FileSink.CreateAsync(segments[^1].Path, file.Width, file.Height, format, 1, Cancel);
                }
                await sink.WriteAsync(new MadeFrame(frame, frame.Ticket), Cancel);
                if (sink.Frames == perSegment)
                {
                    await sink.FinishAsync(Cancel);
                    await sink.DisposeAsync();
                    sink = null;
                }
            }
        }
        if (sink is not null)
        {
            await sink.FinishAsync(Cancel);
            await sink.DisposeAsync();
        }
        return (segments, file);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Segments_join_to_a_file_with_every_frame_at_its_time_and_the_sound_in_place()
    {
        var source = await files.MakeAsync("talk.mp4", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=3", "-f", "lavfi", "-i", "sine=d=3",
            "-vf", "select='not(eq(mod(n,5),3))'", "-fps_mode", "vfr", "-pix_fmt", "yuv420p", "-shortest");
        var (segments, file) = await SegmentsAsync(source, ClipFormat.Mp4, 20);
        Assert.Equal(4, segments.Count);
        var output = files["joined.mp4"];
        await FileJoin.RunAsync(segments, file, TimeSpan.Zero, TimeSpan.FromSeconds(2.967), TimeSpan.FromSeconds(3), ClipFormat.Mp4, output,
            new Dictionary<string, string> { ["comment"] = "tier 1" }, Cancel);

        var wanted = (await files.AskAsync(source, "-select_streams", "v", "-show_entries", "frame=pts_time", "-of", "csv=p=0"))
            .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(l => double.Parse(l.TrimEnd(','), System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        var got = (await files.AskAsync(output, "-select_streams", "v", "-show_entries", "frame=pts_time", "-of", "csv=p=0"))
            .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(l => double.Parse(l.TrimEnd(','), System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal(wanted.Length, got.Length);
        Assert.All(wanted.Zip(got), p => Assert.Equal(p.First, p.Second, 0.0012));
        Assert.Contains("aac", await files.AskAsync(output, "-show_entries", "stream=codec_name", "-of", "csv=p=0"),
            StringComparison.Ordinal);
        Assert.Contains("tier 1", await files.AskAsync(output, "-show_entries", "format_tags", "-of", "csv=p=0"), StringComparison.Ordinal);
        Assert.Contains("bt709", await files.AskAsync(output, "-select_streams", "v", "-show_entries", "stream=color_space", "-of",
            "csv=p=0"), StringComparison.Ordinal);
        Assert.False(File.Exists(output + ".partial"));
    }

    [Theory]
    [InlineData(ClipFormat.WebM, "out.webm", "vp9")]
    [InlineData(ClipFormat.Gif, "out.gif", "gif")]
    [Trait("Run", "long")]
    public async Task Other_formats_play(ClipFormat format, string name, string codec)
    {
        var source = await files.MakeAsync($"src-{format}.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x96:r=10:d=2", "-pix_fmt", "yuv420p");
        var (segments, file) = await SegmentsAsync(source, format, 12);
        await FileJoin.RunAsync(segments, file, TimeSpan.Zero, TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(2), format, files[name],
            new Dictionary<string, string> { ["comment"] = "Tier 1, clip. " + new string('x', 300) }, Cancel);
        Assert.Contains("Tier 1, clip. xxx", await files.AskAsync(files[name], "-show_entries", "format_tags=comment", "-of", "csv=p=0"),
            StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(files.Folder, "*.partial"));
        Assert.Equal($"{codec},20", await files.AskAsync(files[name], "-count_frames", "-select_streams", "v", "-show_entries",
            "stream=codec_name,nb_read_frames", "-of", "csv=p=0"));
    }

    [Theory]
    [InlineData(ClipFormat.Mp4, "h264")]
    [InlineData(ClipFormat.WebM, "vp9")]
    [InlineData(ClipFormat.Av1, "av1")]
    public async Task A_part_of_one_large_picture_is_written_in_every_coding(ClipFormat format, string codec)
    {
        var path = files[$"one-{format}.mkv"];
        await using (var sink = await FileSink.CreateAsync(path, 640, 360, format, 1, Cancel))
        {
            using var frame = _pool.Rent(640, 360);
            await sink.WriteAsync(new MadeFrame(frame, frame.Ticket), Cancel);
            await sink.FinishAsync(Cancel);
        }
        Assert.Equal($"{codec},1", await files.AskAsync(path, "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames",
            "-of", "csv=p=0"));
        Assert.Equal("bt709,bt709,bt709", await files.AskAsync(path, "-show_entries", "stream=color_space,color_transfer,color_primaries",
            "-of", "csv=p=0"));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_picture_sequence_has_one_file_a_frame()
    {
        var source = await files.MakeAsync("src-png.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x96:r=10:d=1", "-pix_fmt", "yuv420p");
        var (segments, file) = await SegmentsAsync(source, ClipFormat.Png, 6);
        await FileJoin.RunAsync(segments, file, TimeSpan.Zero, TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(1), ClipFormat.Png,
            files["pictures"], new Dictionary<string, string>(), Cancel);
        Assert.Equal(10, Directory.GetFiles(files["pictures"], "*.png").Length);
    }

    [Fact]
    public async Task Pictures_replace_only_pictures_of_ours()
    {
        var source = await files.MakeAsync("src-again.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x96:r=10:d=0.4", "-pix_fmt", "yuv420p");
        var (segments, file) = await SegmentsAsync(source, ClipFormat.Png, 6);
        Task JoinAsync(string output) =>
            FileJoin.RunAsync(segments, file, TimeSpan.Zero, TimeSpan.FromSeconds(0.3), TimeSpan.FromSeconds(0.4), ClipFormat.Png, output,
            new Dictionary<string, string>(), Cancel);
        await JoinAsync(files["again"] + "/");
        await JoinAsync(files["again"] + "/");
        Assert.Equal(4, Directory.GetFiles(files["again"]).Length);

        var letter = Path.Combine(Directory.CreateDirectory(files["videos"]).FullName, "holiday.mov");
        await File.WriteAllTextAsync(letter, "dear", Cancel);
        foreach (var output in new[] { files["videos"], files["videos"] + "/", letter })
            await Assert.ThrowsAsync<MediaFileException>(() => JoinAsync(output));
        Assert.Equal("dear", await File.ReadAllTextAsync(letter, Cancel));
        Assert.Throws<MediaFileException>(() => FileJoin.CheckOutput(files["videos"], ClipFormat.Mp4));
        Assert.Empty(Directory.GetFileSystemEntries(files.Folder, "*.partial"));
    }

    [Fact]
    public async Task A_source_that_is_gone_costs_the_clip_its_sound_and_not_its_pictures()
    {
        var source = await files.MakeAsync("gone.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x96:r=10:d=1", "-f", "lavfi", "-i", "sine=d=1",
            "-pix_fmt", "yuv420p");
        var (segments, file) = await SegmentsAsync(source, ClipFormat.Mp4, 6);
        File.Delete(source);
        // A file that the join of a killed process left, or is still writing.
        await File.WriteAllTextAsync(files["silent.mp4.abcd.123.partial"], "old", Cancel);
        var note = await FileJoin.RunAsync(segments, file, TimeSpan.Zero, TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(1),
            ClipFormat.Mp4, files["silent.mp4"], new Dictionary<string, string>(), Cancel);
        Assert.Contains("no sound", note, StringComparison.Ordinal);
        Assert.Equal("h264,10", await files.AskAsync(files["silent.mp4"], "-count_frames", "-show_entries",
            "stream=codec_name,nb_read_frames", "-of", "csv=p=0"));
        Assert.Empty(Directory.GetFiles(files.Folder, "silent*.partial"));
    }

    [Fact]
    public async Task An_unfinished_file_leaves_nothing_behind()
    {
        var path = files["abandoned.mkv"];
        await using (var sink = await FileSink.CreateAsync(path, 160, 96, ClipFormat.Mp4, 1, Cancel))
        {
            using var frame = _pool.Rent(160, 96);
            await sink.WriteAsync(new MadeFrame(frame, frame.Ticket), Cancel);
        }
        Assert.Empty(Directory.GetFiles(files.Folder, "abandoned*"));
    }
}
