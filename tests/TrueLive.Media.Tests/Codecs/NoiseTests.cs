using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;

namespace TrueLive.Media.Tests.Codecs;

/// <summary>
/// What an untrained model, a television without an aerial or a sensor in the dark gives: openh264 ended for good at such a picture.
/// </summary>
public sealed class NoiseTests
{
    [Theory]
    [InlineData(VideoCodec.H264, 64, 48, 300_000)]
    [InlineData(VideoCodec.H264, 64, 48, 50_000_000)]
    [InlineData(VideoCodec.H264, 642, 362, 2_000_000)]
    [InlineData(VideoCodec.H264, 642, 362, 50_000_000)]
    [InlineData(VideoCodec.Vp8, 642, 362, 2_000_000)]
    public void Noise_is_encoded_frame_by_frame_and_quiet_pictures_after_it(VideoCodec codec, int width, int height, int bitrate)
    {
        var pool = new FramePool("noise");
        using var encoder = new VideoEncoder(codec, bitrate);
        using var decoder = new VideoDecoder();
        using var frame = pool.Rent(width, height);
        var random = new Random(1);
        for (uint n = 0; n < 40; n++)
        {
            Fill(frame.Y, n / 10, random);
            Fill(frame.U, n / 10, random);
            Fill(frame.V, n / 10, random);
            // Somebody joins in the middle of the noise, and again when it is over.
            Assert.True(encoder.TryEncode(frame, n is 15 or 35, n * 3000, out var coded), $"frame {n}");
            using var back = decoder.Decode(coded, pool);
            Assert.NotNull(back);
            if (n > 30)
                Assert.InRange(back.Y[width / 2], 95, 105);
        }
        Assert.Equal(0, decoder.Dropped);
    }

    private static void Fill(Span<byte> plane, uint kind, Random random)
    {
        random.NextBytes(plane);
        foreach (ref var value in plane)
            value = kind switch { 0 => value, 1 => (byte)(value > 127 ? 255 : 0), 2 => (byte)(value / 32 + 100), _ => 100 };
    }
}
