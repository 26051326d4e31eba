using TrueLive.Core.Frames;
using TrueLive.Media.Files;

namespace TrueLive.Media.Tests.Files;

public sealed class PictureFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-picture-").FullName;
    private readonly FramePool _pool = new("picture test");

    [Fact]
    public async Task A_frame_that_was_written_as_png_is_read_back_in_its_colours()
    {
        var cancel = TestContext.Current.CancellationToken;
        using var frame = _pool.Rent(50, 34);
        frame.Y.Fill(120);
        frame.U.Fill(90);
        frame.V.Fill(160);
        var path = Path.Combine(_folder, "frame.png");
        await PictureFile.WritePngAsync(path, frame, cancel);
        var file = await MediaFile.OpenAsync(path, cancel);
        await using var source = FileSource.Open(file, file.Width, file.Height, _pool);
        using var back = (await source.ReadAsync(cancel))!;
        Assert.Equal((50, 34, "png"), (back.Width, back.Height, file.Codec));
        Assert.Equal((120, 90, 160), (back.Y[17 * back.StrideY + 25], back.U[8 * back.StrideC + 12], back.V[8 * back.StrideC + 12]),
            (a, b) =>
            Math.Abs(a.Item1 - b.Item1) <= 2 && Math.Abs(a.Item2 - b.Item2) <= 2 && Math.Abs(a.Item3 - b.Item3) <= 2);
    }

    [Fact]
    public async Task A_picture_that_cannot_be_written_is_said_to_be_so()
    {
        using var frame = _pool.Rent(16, 16);
        var wrong = await Assert.ThrowsAsync<MediaFileException>(() =>
            PictureFile.WritePngAsync(Path.Combine(_folder, "nowhere", "frame.png"), frame, TestContext.Current.CancellationToken));
        Assert.Contains("was not written", wrong.Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, true);
}
