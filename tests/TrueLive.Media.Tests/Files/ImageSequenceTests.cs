using System.IO.Compression;
using TrueLive.Core.Frames;
using TrueLive.Media.Files;

namespace TrueLive.Media.Tests.Files;

public sealed class ImageSequenceTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("png")]
    [InlineData("jpg")]
    public async Task Numbered_pictures_of_a_folder_or_a_zip_become_a_video_in_the_order_of_their_numbers(string ending)
    {
        // Each picture is brighter than the one before; without leading zeros, so that 10 would come before 2 as text.
        var folder = Directory.CreateDirectory(files[$"pictures-{ending}"]).FullName;
        await files.MakeAsync(Path.Combine(folder, $"shot-%d.{ending}"), "-f", "lavfi", "-i", "color=black:s=64x48:r=10:d=1.2,format=gray,geq=lum='20+15*N'", "-start_number", "1");
        await File.WriteAllTextAsync(Path.Combine(folder, "notes.txt"), "no picture", Cancel);
        var zip = files[$"{ending}.zip"];
        await ZipFile.CreateFromDirectoryAsync(folder, zip, Cancel);
        foreach (var path in new[] { folder, zip })
        {
            Assert.True(ImageSequence.Is(path));
            var packed = files["packed.mkv"];
            await ImageSequence.PackAsync(path, 10, packed, 1 << 20, Cancel);
            var file = await MediaFile.OpenAsync(packed, Cancel);
            var pool = new FramePool("pictures");
            await using var source = FileSource.Open(file, 64, 48, pool);
            var seen = new List<(TimeSpan At, byte Y)>();
            while (await source.ReadAsync(Cancel) is { } frame)
            {
                using (frame)
                    seen.Add((frame.Time.Captured, frame.Y[0]));
            }
            Assert.Equal(12, seen.Count);
            Assert.Equal(seen.Select(s => s.Y).Order(), seen.Select(s => s.Y));
            Assert.Equal(12, seen.Select(s => s.Y).Distinct().Count());
            Assert.Equal(1.1, seen[^1].At.TotalSeconds, 0.002);
        }
    }

    [Fact]
    public async Task A_sequence_that_is_none_or_too_large_says_what_is_wrong()
    {
        var folder = Directory.CreateDirectory(files["wrong"]).FullName;
        await Refused(folder, "no PNG or JPEG");
        var png = await files.MakeAsync(Path.Combine(folder, "1.png"), "-f", "lavfi", "-i", "testsrc2=s=320x240", "-frames:v", "1");
        await Refused(folder, "larger than", maxBytes: 1000);
        await File.WriteAllTextAsync(Path.Combine(folder, "2.png"), "not a picture at all", Cancel);
        File.Move(png, Path.Combine(folder, "3.png"));
        await File.WriteAllTextAsync(Path.Combine(folder, "1.jpg"), "", Cancel);
        await Refused(folder, "both PNG and JPEG");
        var cut = files["cut.zip"];
        await File.WriteAllBytesAsync(cut, [0x50, 0x4b, 3, 4, 1, 2, 3], Cancel);
        await Refused(cut, "cut off or damaged");
        Assert.False(ImageSequence.Is(files["nothing-here"]));

        // A few megabytes that hold half a million names: nobody makes an object of each to find out.
        var many = files["many.zip"];
        using (var zip = new BinaryWriter(File.Create(many)))
        {
            zip.Write("PK\u0003\u0004"u8);
            zip.Write(new byte[26]);
            for (var i = 0; i < 550_000; i++)
            {
                zip.Write("PK\u0001\u0002"u8);
                zip.Write(new byte[42]);
            }
            zip.Write("PK\u0005\u0006"u8);
            zip.Write(new byte[4]);
            zip.Write((ushort)5);
            zip.Write((ushort)5);
            zip.Write(230);
            zip.Write(30);
            zip.Write((ushort)0);
        }
        var before = GC.GetAllocatedBytesForCurrentThread();
        await Refused(many, "many more files");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    private async Task Refused(string path, string words, long maxBytes = 1 << 20)
    {
        var wrong = await Assert.ThrowsAsync<MediaFileException>(() => ImageSequence.PackAsync(path, 25, files["refused.mkv"], maxBytes, Cancel));
        Assert.Contains(words, wrong.Message, StringComparison.Ordinal);
    }
}
