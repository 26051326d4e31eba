using System.Buffers.Binary;
using System.Diagnostics;
using TrueLive.Core.Frames;

namespace TrueLive.Interop.Tests;

/// <summary>
/// Streams coded and split into packets by GStreamer, over a path that loses packets: no wrong picture is shown, and the stream recovers.
/// </summary>
public sealed class GStreamerStreamTests : IDisposable
{
    private const int Count = 150;
    private const string X264 = "x264enc speed-preset=ultrafast threads=1 sliced-threads=false bitrate=600 key-int-max=30 " +
        "option-string=scenecut=0";
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-gstreamer-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    // Parameter sets before each key frame; about every second; only before the first.
    [InlineData(VideoCodec.H264, X264 + " tune=zerolatency ! rtph264pay config-interval=-1 aggregate-mode=zero-latency", 60)]
    [InlineData(VideoCodec.H264, X264 + " tune=zerolatency ! rtph264pay config-interval=1 aggregate-mode=max-stap", 60)]
    [InlineData(VideoCodec.H264,
        X264 + " tune=zerolatency ! video/x-h264,stream-format=avc ! rtph264pay config-interval=0 aggregate-mode=none", 60)]
    // Gradual refresh, with a recovery point every 30 pictures.
    [InlineData(VideoCodec.H264, X264 + " tune=zerolatency intra-refresh=true ! rtph264pay config-interval=-1 aggregate-mode=none", 100)]
    // Sequence numbers and timestamps that wrap soon.
    [InlineData(VideoCodec.H264, X264 + " tune=zerolatency ! rtph264pay config-interval=-1 seqnum-offset=65500 timestamp-offset=4294900000",
        60)]
    [InlineData(VideoCodec.Vp8, "vp8enc deadline=1 cpu-used=8 target-bitrate=600000 keyframe-max-dist=30 ! rtpvp8pay", 60)]
    [InlineData(VideoCodec.Vp8,
        "vp8enc deadline=1 cpu-used=8 target-bitrate=600000 keyframe-max-dist=30 error-resilient=partitions ! rtpvp8pay " +
        "picture-id-mode=15-bit", 60)]
    public async Task After_a_loss_the_picture_comes_back_and_none_is_damaged(VideoCodec codec, string coding, int backAt)
    {
        var packets = await StreamAsync(coding);
        var parameters = coding.Contains("config-interval=0", StringComparison.Ordinal) ? await ParametersAsync() : "";
        var stamps = packets.Select(p => p.Stamp).Distinct().ToList();
        Assert.InRange(stamps.Count, Count - 2, Count);
        using var clean = new IncomingVideo(codec, parameters: parameters);
        clean.Play(packets);
        var right = clean.Pictures.ToDictionary(p => p.Stamp, p => p.Content);
        Assert.Equal(stamps, clean.Pictures.Select(p => p.Stamp));

        using var call = new IncomingVideo(codec, parameters: parameters) { Gone = p => p.Stamp == stamps[40] };
        call.Play(packets);
        Assert.All(call.Pictures, p => Assert.Equal(right[p.Stamp], p.Content));
        var shown = call.Pictures.Select(p => p.Stamp).ToHashSet();
        Assert.Superset(stamps.Take(40).Concat(stamps.Skip(backAt)).ToHashSet(), shown);
    }

    [Fact]
    public async Task Pictures_that_are_coded_out_of_order_are_shown_in_order()
    {
        var packets = await StreamAsync(
            "x264enc speed-preset=veryfast threads=1 bitrate=600 key-int-max=30 bframes=2 b-adapt=false ! video/x-h264,profile=main ! " +
                "rtph264pay config-interval=-1");
        var stamps = packets.Select(p => p.Stamp).Distinct().ToList();
        Assert.NotEqual(stamps.Order(), stamps);
        using var call = new IncomingVideo(VideoCodec.H264);
        call.Play(packets);
        var shown = call.Pictures.Select(p => p.Stamp).ToArray();
        Assert.Equal(shown.Order(), shown);
        Assert.InRange(shown.Length, stamps.Count - 4, stamps.Count);
        Assert.Equal(0, call.Decoder.Dropped);
    }

    public void Dispose() => Directory.Delete(_folder, true);

    private async Task<List<SentPacket>> StreamAsync(string coding)
    {
        var path = Path.Combine(_folder, "stream.rtp");
        string[] words = [Path.Combine(ForeignClient.Folder, "rtp_stream.py"), path,
            $"videotestsrc num-buffers={Count} horizontal-speed=3 ! video/x-raw,format=I420,width=320,height=180,framerate=30/1", "!",
            coding];
        using var process = Process.Start(new ProcessStartInfo("/usr/bin/python3", words) { RedirectStandardError = true })!;
        var errors = await process.StandardError.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        Assert.True(process.ExitCode == 0, errors);
        var (bytes, packets) = (await File.ReadAllBytesAsync(path, Cancel), new List<SentPacket>());
        for (int at = 0, length; at < bytes.Length; at += 2 + length)
        {
            length = BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
            var packet = bytes.AsSpan(at + 2, length);
            Assert.Equal(0x80, packet[0]);
            packets.Add(new SentPacket(BinaryPrimitives.ReadUInt16BigEndian(packet[2..]), BinaryPrimitives.ReadUInt32BigEndian(packet[4..]),
                packet[1] >= 0x80, packet[12..].ToArray()));
        }
        return packets;
    }

    // The parameter sets that GStreamer puts into its session description, from the same encoder.
    private async Task<string> ParametersAsync()
    {
        var first = (await StreamAsync(X264 + " tune=zerolatency ! rtph264pay config-interval=-1 aggregate-mode=none"))
            .Where(p => (p.Payload[0] & 31) is 7 or 8).Take(2);
        return $";sprop-parameter-sets={string.Join(',', first.Select(p => Convert.ToBase64String(p.Payload)))}";
    }
}
