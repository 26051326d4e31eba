using TrueLive.Core.Frames;
using TrueLive.Media.Files;

namespace TrueLive.Media.Tests.Files;

public sealed class FfmpegChildTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private readonly FramePool _pool = new("child test");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // Frames are so small that the pipe takes each whole or not at all: the decoder always ends between two frames.
    private async Task<(FileSource Source, int Decoder)> OpenAsync(string name)
    {
        var path = await files.MakeAsync(name, "-f", "lavfi", "-i", "color=gray:s=16x16:r=100:d=100", "-c:v", "ffv1");
        var source = FileSource.Open(await MediaFile.OpenAsync(path, Cancel), 16, 16, _pool);
        (await source.ReadAsync(Cancel))!.Dispose();
        return (source, await ChildProcesses.OneOfAsync("rawvideo", name));
    }

    private static async Task<Exception> ReadToTheEndAsync(FileSource source)
    {
        await using (source)
        {
            return await Assert.ThrowsAnyAsync<Exception>(async () =>
            {
                while (await source.ReadAsync(Cancel) is { } frame)
                    frame.Dispose();
            });
        }
    }

    [Fact]
    public async Task A_decoder_that_was_killed_between_two_frames_is_no_end_of_the_film()
    {
        var (source, decoder) = await OpenAsync("killed.mkv");
        await ChildProcesses.SignalAsync(decoder, "KILL");
        var failure = Assert.IsType<MediaFileException>(await ReadToTheEndAsync(source));
        Assert.Contains("too much processor time or memory, or was killed", failure.Message, StringComparison.Ordinal);
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public async Task A_decoder_that_was_told_to_end_says_that_the_film_is_not_to_blame()
    {
        var (source, decoder) = await OpenAsync("told.mkv");
        await ChildProcesses.SignalAsync(decoder, "TERM");
        Assert.IsType<MediaInterruptedException>(await ReadToTheEndAsync(source));
    }

    [Fact]
    public async Task A_decoder_is_in_a_process_group_of_its_own_and_knows_no_secret_of_ours()
    {
        Environment.SetEnvironmentVariable("TRUELIVE_WEBHOOK_SECRET", "nobody-may-know");
        var (source, decoder) = await OpenAsync("alone.mkv");
        await using (source)
        {
            static string GroupOf(int id) => ChildProcesses.Read(id, "stat").Split(") ")[1].Split(' ')[2];
            Assert.NotEqual(GroupOf(Environment.ProcessId), GroupOf(decoder));
            var environment = ChildProcesses.Read(decoder, "environ");
            Assert.Contains("PATH=", environment, StringComparison.Ordinal);
            Assert.DoesNotContain("TRUELIVE", environment, StringComparison.Ordinal);
        }
        Assert.Empty(ChildProcesses.Of("rawvideo", "alone.mkv"));
    }
}
