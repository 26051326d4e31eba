using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.Media.Native;
using TrueLive.Media.Tests.Files;

namespace TrueLive.Media.Tests.Codecs;

/// <summary>Streams that other encoders make, but ours does not.</summary>
public sealed class ForeignStreamTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private const int Width = 320, Height = 180, Count = 30;

    private readonly FramePool _pool = new("foreign streams");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("baseline", "Constrained Baseline", 0)]
    [InlineData("main", "Main", 0)]
    [InlineData("high", "High", 0)]
    [InlineData("high", "High", 2)]
    public async Task H264_of_every_profile_is_decoded_to_the_very_pictures_without_asking_for_key_frames(
        string profile, string named, int reordered)
    {
        var path = await files.MakeAsync(
            $"{profile}-{reordered}.h264", "-f", "lavfi", "-i", $"testsrc2=s={Width}x{Height}:r=30", "-frames:v", $"{Count}",
            "-pix_fmt", "yuv420p",
            "-c:v", "libx264", "-profile:v", profile, "-bf", $"{reordered}", "-x264-params", "aud=1:b-adapt=0:scenecut=0");
        Assert.Equal(named, await files.AskAsync(path, "-show_entries", "stream=profile", "-of", "csv=p=0"));
        var picture = await File.ReadAllBytesAsync(await files.MakeAsync($"{profile}-{reordered}.yuv", "-i", path, "-f", "rawvideo"),
            Cancel);
        using var decoder = new VideoDecoder();
        var (shown, stamps) = (0, new HashSet<uint>());
        foreach (var (unit, number) in AccessUnits(await File.ReadAllBytesAsync(path, Cancel)).Select((u, i) => (u, i)))
        {
            using var frame = decoder.Decode(new EncodedFrame
            { Codec = VideoCodec.H264, Data = unit, RtpTime = (uint)(3000 * number), KeyFrame = number == 0 }, _pool);
            Assert.False(decoder.NeedsKeyFrame, $"access unit {number}");
            if (frame is null)
                continue;
            for (var y = 0; y < Height; y++)
                Assert.True(frame.Y.Slice(y * frame.StrideY, Width)
                    .SequenceEqual(picture.AsSpan(shown * Width * Height * 3 / 2 + y * Width, Width)), $"picture {shown}, line {y}");
            Assert.True(stamps.Add(frame.Ticket.MediaTime));
            shown++;
        }
        Assert.Equal(0, decoder.Dropped);
        Assert.InRange(shown, Count - reordered, reordered == 0 ? Count : Count - 1);
        if (reordered == 0)
            Assert.Equal(Enumerable.Range(0, Count).Select(n => (uint)(3000 * n)), stamps.Order());
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Vp8_frames_that_are_not_shown_are_no_reason_for_a_key_frame()
    {
        // Hidden pictures that only serve as references (alternate references) need a second pass.
        string[] coding =
        [
            "-f", "lavfi", "-i", $"testsrc2=s={Width}x{Height}:r=30", "-frames:v", $"{2 * Count}", "-pix_fmt", "yuv420p",
            "-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "600k", "-cpu-used", "5", "-passlogfile",
            files["hidden"],
        ];
        await files.MakeAsync("first-pass", [.. coding, "-pass", "1", "-f", "null"]);
        var path = await files.MakeAsync("hidden.ivf", [.. coding, "-pass", "2"]);
        var file = await File.ReadAllBytesAsync(path, Cancel);
        using var decoder = new VideoDecoder();
        var (shown, hidden) = (0, 0);
        for (int at = 32, size; at < file.Length; at += 12 + size)
        {
            size = BitConverter.ToInt32(file, at);
            var data = file.AsSpan(at + 12, size);
            // RFC 6386 section 9.1: inverse key frame bit, version, show_frame.
            hidden += (data[0] & 0x10) == 0 ? 1 : 0;
            using var frame = decoder.Decode(new EncodedFrame
            { Codec = VideoCodec.Vp8, Data = data, RtpTime = 0, KeyFrame = (data[0] & 1) == 0 }, _pool);
            Assert.False(decoder.NeedsKeyFrame);
            Assert.Equal((data[0] & 0x10) == 0, frame is null);
            shown += frame is null ? 0 : 1;
        }
        Assert.Equal((2 * Count, 0L), (shown, decoder.Dropped));
        Assert.True(hidden > 0, "the encoder made no hidden frame");
    }

    [Fact]
    public void A_missing_codec_is_named_with_the_package_that_brings_it()
    {
        var missing = NativeLibraries.Missing(name => !name.StartsWith("libopenh264", StringComparison.Ordinal)
            && !name.StartsWith("libav", StringComparison.Ordinal));
        Assert.Equal(3, missing.Count);
        Assert.Contains(missing, m => m.Contains("apt-get install libopenh264-7 (Debian 12; on Debian 13: apt-get install libopenh264-8)",
            StringComparison.Ordinal));
        Assert.Contains(missing, m => m.Contains("decoding H.264", StringComparison.Ordinal)
            && m.Contains("libavcodec59", StringComparison.Ordinal));
        Assert.Empty(NativeLibraries.Missing(name => name is "libopenh264.so.8" or "libavcodec.so.61" or "libavutil.so.59" or "libvpx.so.9"
            or "libturbojpeg.so.0"));
    }

    // Each begins with an access unit delimiter.
    private static IEnumerable<byte[]> AccessUnits(byte[] stream)
    {
        byte[] delimiter = [0, 0, 0, 1, 9];
        for (int at = 0, next; at < stream.Length; at = next)
        {
            var further = stream.AsSpan(at + 1).IndexOf(delimiter);
            next = further < 0 ? stream.Length : at + 1 + further;
            yield return stream[at..next];
        }
    }
}
