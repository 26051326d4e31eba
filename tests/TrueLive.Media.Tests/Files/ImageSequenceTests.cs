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
        // Each picture is brighter than the one before. Names have no leading zeros, so that as text 10 would come before 2.
        var folder = Directory.CreateDirectory(files[$"pictures-{ending}"]).FullName;
        await files.MakeAsync(Path.Combine(folder, $"shot-%d.{ending}"), "-f", "lavfi", "-i",
            "color=black:s=64x48:r=10:d=1.2,format=gray,geq=lum='20+15*N'", "-start_number", "1");
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
                    seen.Add((frame.Ticket.Captured, frame.Y[0]));
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

        // A few megabytes with half a million names, which must be counted without an object for each.
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

    [Fact]
    public async Task A_directory_of_many_entries_is_found_whatever_hides_its_end()
    {
        // A comment that contains the signature of an end record: a careless check stops at it, but a reader uses the record before it.
        await Refused(Hostile("comment.zip", count: 5, start: 30, comment: [.. "PK\u0005\u0006"u8, 0, 0]), "many more files");
        // A count of 0xFFFF beside an offset near the end: readers use the offset in the Zip64 record.
        await Refused(Hostile("marked.zip", count: ushort.MaxValue, start: null, comment: [], large: 30), "many more files");
        await Refused(Hostile("two-places.zip", count: ushort.MaxValue, start: 30, comment: [], large: null), "many more files");
        // The Zip64 record is missing, or the directory lies outside the file.
        await Refused(Hostile("no-large.zip", count: ushort.MaxValue, start: 30, comment: []), "cut off or damaged");
        await Refused(Hostile("outside.zip", count: 5, start: uint.MaxValue - 1, comment: []), "cut off or damaged");
    }

    [Fact]
    public async Task An_archive_with_a_comment_is_taken()
    {
        var folder = Directory.CreateDirectory(files["noted"]).FullName;
        await files.MakeAsync(Path.Combine(folder, "p%d.png"), "-f", "lavfi", "-i", "color=red:s=16x16:r=10:d=0.2", "-start_number", "9");
        var zip = files["noted.zip"];
        await using (var archive = await ZipFile.OpenAsync(zip, ZipArchiveMode.Create, Cancel))
        {
            archive.Comment = "made on a holiday";
            foreach (var picture in Directory.EnumerateFiles(folder))
                await archive.CreateEntryFromFileAsync(picture, Path.GetFileName(picture), Cancel);
        }
        await ImageSequence.PackAsync(zip, 10, files["noted.mkv"], 1 << 20, Cancel);
        Assert.Equal(2, (await MediaFile.OpenAsync(files["noted.mkv"], Cancel)).Frames);
    }

    [Fact]
    public async Task Names_of_pictures_take_no_more_memory_than_they_have_letters()
    {
        var zip = files["names.zip"];
        using (var archive = await ZipFile.OpenAsync(zip, ZipArchiveMode.Create, Cancel))
            archive.CreateEntry(string.Concat(Enumerable.Repeat("1a", 30_000)) + ".png");
        await Refused(zip, "more than 255 characters");
        Assert.Equal(["a1b", "a2", "a02b", "a10", "a99999999999999999999999999", "b"],
            new[] { "b", "a10", "a02b", "a1b", "a99999999999999999999999999", "a2" }.Order(NumberedNames.Order));
    }

    // Half a million entries, and an end record with the given values.
    private string Hostile(string name, ushort count, uint? start, byte[] comment, long? large = -1)
    {
        var path = files[name];
        using var zip = new BinaryWriter(File.Create(path));
        zip.Write("PK\u0003\u0004"u8);
        zip.Write(new byte[26]);
        for (var i = 0; i < 550_000; i++)
        {
            zip.Write("PK\u0001\u0002"u8);
            zip.Write(new byte[42]);
        }
        var at = zip.BaseStream.Position;
        if (large != -1)
        {
            zip.Write("PK\u0006\u0006"u8);
            zip.Write(44L);
            zip.Write(new byte[12]);
            zip.Write(550_000L);
            zip.Write(550_000L);
            zip.Write(46L * 550_000);
            zip.Write(large ?? at - 46);
            zip.Write("PK\u0006\u0007"u8);
            zip.Write(0);
            zip.Write(at);
            zip.Write(1);
        }
        zip.Write("PK\u0005\u0006"u8);
        zip.Write(0);
        zip.Write(count);
        zip.Write(count);
        zip.Write(230);
        zip.Write(start ?? (uint)at - 46);
        zip.Write((ushort)comment.Length);
        zip.Write(comment);
        return path;
    }

    private async Task Refused(string path, string words, long maxBytes = 1 << 20)
    {
        var wrong = await Assert.ThrowsAsync<MediaFileException>(() =>
            ImageSequence.PackAsync(path, 25, files["refused.mkv"], maxBytes, Cancel));
        Assert.Contains(words, wrong.Message, StringComparison.Ordinal);
    }
}
