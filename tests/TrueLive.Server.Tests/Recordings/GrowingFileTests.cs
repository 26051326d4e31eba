using TrueLive.Server.Recordings;

namespace TrueLive.Server.Tests.Recordings;

public sealed class GrowingFileTests
{
    [Fact]
    public async Task What_is_written_after_it_was_opened_is_not_read()
    {
        var cancel = TestContext.Current.CancellationToken;
        var path = Path.GetTempFileName();
        await using var writer = new FileStream(
            path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        await writer.WriteAsync(new byte[100_000], cancel);
        await using var file = new GrowingFile(path);
        await writer.WriteAsync(new byte[100_000], cancel);
        using var all = new MemoryStream();
        await file.CopyToAsync(all, cancel);
        Assert.Equal((100_000, 100_000), (file.Length, all.Length));

        file.Position = 99_990;
        Assert.Equal(10, file.Read(new byte[20], 0, 20));
        file.Position = 150_000;
        Assert.Equal(0, file.Read(new byte[20]));
        File.Delete(path);
    }
}
