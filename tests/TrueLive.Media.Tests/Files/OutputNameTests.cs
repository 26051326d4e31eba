using System.Text;
using TrueLive.Core.Frames;
using TrueLive.Media.Files;

namespace TrueLive.Media.Tests.Files;

/// <summary>Any name that a file system allows works: ffmpeg takes none of them for an address or a pattern.</summary>
public sealed class OutputNameTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("take #3")]
    [InlineData("who?", Traits = ["Run", "full"])]
    [InlineData("100%", Traits = ["Run", "full"])]
    [InlineData("shot_%04d")]
    [InlineData("it's \"it\" \\ $HOME `id`")]
    [InlineData("ünï 日本 🎬")]
    [InlineData("-dash", Traits = ["Run", "full"])]
    [InlineData("http:a:b,c;d|e")]
    [InlineData("two\nlines", Traits = ["Run", "full"])]
    [InlineData("concat:[*]{a,b}")]
    [Trait("Run", "long")]
    public async Task A_name_works_for_the_source_the_work_the_file_and_the_pictures(string name)
    {
        var folder = Directory.CreateDirectory(files[name]).FullName;
        var made = await files.MakeAsync("plain.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=0.3", "-f", "lavfi", "-i", "sine=d=0.3",
            "-pix_fmt", "yuv420p");
        var input = Path.Combine(folder, name + ".mkv");
        File.Copy(made, input);
        var file = await MediaFile.OpenAsync(input, Cancel);
        foreach (var (format, output) in new[] { (ClipFormat.Mp4, Path.Combine(folder, name + ".mp4")),
            (ClipFormat.Png, Path.Combine(folder, name + " pictures")) })
        {
            var work = Directory.CreateDirectory(OutputName.Beside(output, ".work")).FullName;
            var segment = new ClipSegment(Path.Combine(work, "part.mkv"), TimeSpan.Zero);
            await using (var source = FileSource.Open(file, 64, 48, new FramePool("name test")))
            await using (var sink = await FileSink.CreateAsync(segment.Path, 64, 48, format, 1, Cancel))
            {
                while (await source.ReadAsync(Cancel) is { } frame)
                {
                    using (frame)
                        await sink.WriteAsync(new MadeFrame(frame, frame.Ticket), Cancel);
                }
                await sink.FinishAsync(Cancel);
            }
            var note = await FileJoin.RunAsync([segment], file, TimeSpan.Zero, TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(0.3), format,
                output, new Dictionary<string, string>(), Cancel);
            Assert.Equal(format == ClipFormat.Png ? "The sound is left out: the format has none." : null, note);
            Directory.Delete(work, true);
        }
        Assert.Equal(3, Directory.GetFiles(Path.Combine(folder, name + " pictures"), "*.png").Length);
        Assert.Equal([name + " pictures", name + ".mkv", name + ".mp4"],
            Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal((3L, true), (await MediaFile.OpenAsync(Path.Combine(folder, name + ".mp4"), Cancel) is var mp4
            ? (mp4.Frames, mp4.HasAudio)
            : default));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("日")]
    [InlineData("🎬")]
    public void What_lies_beside_a_name_as_long_as_can_be_has_a_name_that_fits(string letter)
    {
        var name = string.Concat(Enumerable.Repeat(letter, 251 / Encoding.UTF8.GetByteCount(letter))) + ".mp4";
        var beside = OutputName.Beside(files[name], ".truelive-work");
        Directory.CreateDirectory(beside);
        Assert.EndsWith(".truelive-work", beside, StringComparison.Ordinal);
        Assert.NotEqual(beside, OutputName.Beside(files[name[letter.Length..]], ".truelive-work"));
        Assert.Equal(files["short.mp4.truelive-work"], OutputName.Beside(files["short.mp4"], ".truelive-work"));
    }
}
