using System.Diagnostics;
using TrueLive.Media.Files;

namespace TrueLive.Media.Tests.Files;

/// <summary>The Opus packets that ffmpeg writes as Ogg are read with their times, and nothing else is.</summary>
public sealed class OggPacketsTests
{
    [Theory]
    [InlineData(20_000, 4096)]
    [InlineData(20_000, 1)]
    [InlineData(1_000_000, 1000)]
    public async Task Each_packet_is_read_once_with_its_time_however_the_stream_is_cut(int page, int cut)
    {
        using var ffmpeg = Process.Start(new ProcessStartInfo("ffmpeg",
            ["-hide_banner", "-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", "sine=f=440:r=48000", "-t", "2", "-c:a", "libopus",
                "-page_duration", $"{page}", "-f", "ogg", "-"])
        { RedirectStandardOutput = true })!;
        var bytes = new MemoryStream();
        await ffmpeg.StandardOutput.BaseStream.CopyToAsync(bytes, TestContext.Current.CancellationToken);
        var times = new List<TimeSpan>();
        var packets = new OggPackets((opus, at) =>
        {
            Assert.InRange(opus.Length, 3, 1275);
            times.Add(at);
        });
        foreach (var piece in bytes.ToArray().Chunk(cut))
            packets.Add(piece);
        Assert.InRange(times.Count, 100, 102);
        // The last page may end before its last packet does.
        Assert.All(times.Index().SkipLast(50), t => Assert.Equal(t.Index * 20 - 6.5, t.Item.TotalMilliseconds, 0.01));
    }

    [Fact]
    public void Bytes_that_are_not_Ogg_are_told_and_hostile_pages_are_bounded()
    {
        Assert.Throws<InvalidDataException>(() => new OggPackets((_, _) => { }).Add(new byte[100]));
        var random = new Random(1);
        for (var round = 0; round < 300; round++)
        {
            var (packets, page) = (new OggPackets((opus, _) => Assert.InRange(opus.Length, 1, 255 * 255)), new byte[2000]);
            random.NextBytes(page);
            "OggS"u8.CopyTo(page);
            try
            {
                packets.Add(page);
            }
            catch (InvalidDataException)
            {
                // The next page is none.
            }
        }
    }
}
