using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.Media.Native;

namespace TrueLive.Media.Tests.Codecs;

public sealed class CodecTests
{
    private readonly FramePool _pool = new("codec test");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static double Psnr(VideoFrame a, VideoFrame b)
    {
        double sum = 0;
        for (var y = 0; y < a.Height; y++)
        {
            for (var x = 0; x < a.Width; x++)
                sum += Math.Pow(a.Y[y * a.StrideY + x] - b.Y[y * b.StrideY + x], 2);
        }
        return 10 * Math.Log10(255.0 * 255 * a.Width * a.Height / Math.Max(sum, 1));
    }

    [Fact]
    public void The_codec_libraries_are_installed() => Assert.Empty(NativeLibraries.Missing());

    [Theory]
    [InlineData(VideoCodec.H264, 320, 180)]
    [InlineData(VideoCodec.Vp8, 320, 180)]
    [InlineData(VideoCodec.H264, 642, 362)]
    [InlineData(VideoCodec.Vp8, 321, 179)]
    public async Task Each_frame_comes_back_at_once_and_looks_the_same(VideoCodec codec, int width, int height)
    {
        var scene = new MovingScene(width, height, 30, _pool, numbered: true);
        using var encoder = new VideoEncoder(codec, 1_500_000);
        using var decoder = new VideoDecoder();
        for (var i = 0; i < 30; i++)
        {
            using var frame = (await scene.ReadAsync(Cancel))!;
            Assert.True(encoder.TryEncode(frame, false, frame.Ticket.MediaTime, out var encoded));
            Assert.Equal(i == 0, encoded.KeyFrame);
            using var back = decoder.Decode(encoded, _pool);
            Assert.NotNull(back);
            Assert.Equal((width, height, i), (back.Width, back.Height, MovingScene.ReadNumber(back)));
            Assert.True(Psnr(frame, back) > 28, $"frame {i}: {Psnr(frame, back):F1} dB");
        }
        Assert.Equal(0, decoder.Dropped);
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task H264_carries_its_colour_space_in_the_stream(bool bt709, bool full)
    {
        using var frame = (await new MovingScene(320, 180, 30, _pool).ReadAsync(Cancel))!;
        frame.Colour = new ColourSpace(bt709 ? ColourMatrix.Bt709 : ColourMatrix.Bt601, full);
        using var encoder = new VideoEncoder(VideoCodec.H264, 1_000_000);
        using var decoder = new VideoDecoder();
        Assert.True(encoder.TryEncode(frame, true, 0, out var encoded));
        using var back = decoder.Decode(new EncodedFrame { Codec = VideoCodec.H264, Data = encoded.Data, RtpTime = 0, KeyFrame = true },
            _pool);
        Assert.Equal(frame.Colour, back!.Colour);
    }

    [Theory]
    [InlineData(VideoCodec.H264)]
    [InlineData(VideoCodec.Vp8)]
    [Trait("Run", "long")]
    public async Task A_new_bit_rate_is_followed_and_a_new_size_begins_with_a_key_frame(VideoCodec codec)
    {
        using var encoder = new VideoEncoder(codec, 3_000_000);
        var scene = new MovingScene(640, 360, 30, _pool);
        async Task<long> BytesAsync(int frames)
        {
            long sum = 0;
            for (var i = 0; i < frames; i++)
            {
                using var frame = (await scene.ReadAsync(Cancel))!;
                for (var p = 0; p < frame.Y.Length; p += 3)
                    frame.Y[p] = (byte)(frame.Y[p] + (p * 2654435761L + i * 40503) % 23);
                encoder.TryEncode(frame, false, frame.Ticket.MediaTime, out var encoded);
                sum += encoded.Data.Length;
            }
            return sum;
        }
        await BytesAsync(30);
        var high = await BytesAsync(60);
        encoder.SetBitrate(300_000);
        await BytesAsync(30);
        var low = await BytesAsync(60);
        Assert.True(low < high / 3, $"{high} bytes before, {low} after");
        using var small = (await new MovingScene(320, 180, 30, _pool).ReadAsync(Cancel))!;
        Assert.True(encoder.TryEncode(small, false, 0, out var key) && key.KeyFrame);
    }

    [Theory]
    [InlineData(VideoCodec.H264)]
    [InlineData(VideoCodec.Vp8)]
    public async Task Broken_input_is_dropped_and_a_key_frame_mends_it(VideoCodec codec)
    {
        using var encoder = new VideoEncoder(codec, 800_000);
        using var decoder = new VideoDecoder();
        var scene = new MovingScene(320, 180, 30, _pool);
        var random = new Random(7);
        for (var i = 0; i < 200; i++)
        {
            using var frame = (await scene.ReadAsync(Cancel))!;
            encoder.TryEncode(frame, i % 10 == 0, frame.Ticket.MediaTime, out var encoded);
            var bytes = encoded.Data.ToArray();
            for (var k = 0; k < 1 + bytes.Length / 50; k++)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            decoder.Decode(new EncodedFrame
            {
                Codec = codec,
                Data = bytes.AsSpan(0, random.Next(1, bytes.Length)),
                RtpTime = 0,
                KeyFrame = encoded.KeyFrame
            }, _pool)?.Dispose();
        }
        using var last = (await scene.ReadAsync(Cancel))!;
        encoder.TryEncode(last, true, 0, out var key);
        using var mended = decoder.Decode(key, _pool);
        Assert.True(mended is not null && Psnr(last, mended) > 27);
        Assert.False(decoder.NeedsKeyFrame);
        Assert.Equal(2, _pool.Rented);
    }

    [Fact]
    public void A_frame_without_a_key_frame_before_it_is_not_decoded()
    {
        using var decoder = new VideoDecoder();
        Assert.Null(decoder.Decode(new EncodedFrame { Codec = VideoCodec.Vp8, Data = new byte[100], RtpTime = 0, KeyFrame = false },
            _pool));
        Assert.True(decoder.NeedsKeyFrame);
    }

    [Fact]
    public async Task Jpeg_keeps_the_picture_and_refuses_what_is_none()
    {
        using var jpeg = new JpegCodec();
        using var frame = (await new MovingScene(321, 179, 30, _pool).ReadAsync(Cancel))!;
        var bytes = jpeg.Encode(frame, 90).ToArray();
        using (var back = jpeg.Decode(bytes, _pool))
        {
            Assert.Equal((321, 179, ColourSpace.Bt601Full), (back!.Width, back.Height, back.Colour));
            Assert.True(Psnr(frame, back) > 36);
        }
        Assert.Null(jpeg.Decode("not a picture"u8, _pool));
        var huge = bytes.ToArray();
        var sof = huge.AsSpan().IndexOf<byte>([0xFF, 0xC0]);
        (huge[sof + 5], huge[sof + 6], huge[sof + 7], huge[sof + 8]) = (0xFF, 0xFF, 0xFF, 0xFF);
        Assert.Null(jpeg.Decode(huge, _pool));
        var random = new Random(3);
        for (var i = 0; i < 300; i++)
        {
            var broken = bytes.ToArray();
            for (var k = 0; k < 8; k++)
                broken[random.Next(broken.Length)] = (byte)random.Next(256);
            jpeg.Decode(broken.AsSpan(0, random.Next(broken.Length)), _pool)?.Dispose();
        }
        Assert.Equal(1, _pool.Rented);
    }

    [Theory]
    [InlineData("yuvj444p")]
    [InlineData("yuvj422p")]
    public async Task Jpeg_of_any_sampling_is_taken(string pixels)
    {
        using var files = new Files.MadeFiles();
        var path = await files.MakeAsync("picture.jpg", "-f", "lavfi", "-i", "testsrc2=s=162x94:r=1:d=1", "-frames:v", "1",
            "-pix_fmt", pixels);
        using var jpeg = new JpegCodec();
        using var frame = jpeg.Decode(await File.ReadAllBytesAsync(path, Cancel), _pool);
        Assert.Equal((162, 94), (frame!.Width, frame.Height));
        Assert.True(frame.U[..80].IndexOfAnyExceptInRange((byte)127, (byte)129) >= 0);
    }

    [Fact]
    public void Jpeg_without_colour_is_taken_as_grey()
    {
        // A ramp of 162x94 with one component; ffmpeg does not write such files.
        const string Ramp =
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/wAALCABeAKIBAREA/8QAFwABAQEBAAAAAAAAAAAAAAAAAwIHBv/EABUQAQEAAAAAAAAAAAAAAAAAAAAC/9oACAEBAAA/AOblckkkklckkkklckkkklckkkklckkkrZrK5JJJJK5JJJJK5JJJJK5JJJJK5JJJWzWVySSSSVySSSSVySSSSVySSSSVySSStmsrkkkkkrkkkkkrkkkkkrkkkkkrkkklbNZXJJJJJXJJJJJXJJJJJXJJJJJXJJJK2ayuSSSSSuSSSSSuSSSSSuSSSSSuSSSVs1lckkkklckkkklckkkklckkkklckkkrZrK5JJJJK5JJJJK5JJJJK5JJJJK5JJJWzWVySSSSVySSSSVySSSSVySSSSVySSStmsrkkkkkrkkkkkrkkkkkrkkkkkrkkklbNZXJJJJJXJJJJJXJJJJJXJJJJJXJJJK2ayuSSSSSuSSSSSuSSSSSuSSSSSuSSSVv/9k=";
        using var jpeg = new JpegCodec();
        using var frame = jpeg.Decode(Convert.FromBase64String(Ramp), _pool);
        Assert.Equal((162, 94), (frame!.Width, frame.Height));
        Assert.True(frame.Y[150] - frame.Y[10] > 180);
        Assert.True(frame.U[..80].IndexOfAnyExceptInRange((byte)127, (byte)129) < 0);
    }

    [Fact]
    public void A_progressive_jpeg_is_taken()
    {
        // Made by cjpeg -progressive (libjpeg-turbo): 48x32 in ten scans.
        const string Progressive =
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wgARCAAgADADASIAAhEBAxEB/8QAGQAAAgMBAAAAAAAAAAAAAAAAAwQAAQUC/8QAFwEBAAMAAAAAAAAAAAAAAAAAAwABAv/aAAwDAQACEAMQAAABxmuGRa8bUWvNnILcRkhwyLyLGUwTJX//xAAfEAABAwQDAQAAAAAAAAAAAAACAAEDBBESIRMgMiL/2gAIAQEAAQUC+3POe71NQyFiJ7zZPPMKFa4iUe1rhPSk99ZPfX//xAAfEQACAgEEAwAAAAAAAAAAAAAAAQIDBBESISIyQZH/2gAIAQMBAT8BvojJ9hwTehlVqaW7kzPP6Mv9H//EABoRAAIDAQEAAAAAAAAAAAAAAAABAgMEIUH/2gAIAQIBAT8B0Xu19Rmm603Dgr5yfTwz+jP/xAAkEAABAwEHBQAAAAAAAAAAAAABAAIRIQMSICIxgaETUWGRsf/aAAgBAQAGPwIhqifKq/gKAo3VXcK0bEkxTurkV1upg0PxWrTmcT7XTjNrc3VmBlI4RxHF/8QAHxAAAgEDBQEAAAAAAAAAAAAAAREAIUFRMWFxkaEw/9oACAEBAAE/IThMPib2VgSy4ZUDUyU+JyKwSy4aSL6IhvIG1rH69qm11DQGhElHI0hIoIKBtNVH6Iqql1CRIolHI0+oH//aAAwDAQACAAMAAAAQPa3WAr//xAAgEQACAQQBBQAAAAAAAAAAAAABETEAIUHB8BBxkbHR/9oACAEDAQE/EC0E015gTc8BpxHia1HyiYdkO8kAi+cziKl7+3Tu1X//xAAgEQACAgIBBQEAAAAAAAAAAAABESExAEHBEFFxgdHw/9oACAECAQE/EAEuDgGUCi/GtVeAckmo2nGg3f3EjuI9K7o/jmmcHPT/AP/EACEQAQABBAIDAAMAAAAAAAAAAAERACExUWGxIEFxgZHB/9oACAEBAAE/EFci4wACVVwfa/bF/EI5mh8JQS8I+xC9MhgSwAMqtg+17HejEnRHM0VnkBdEfYhDT3oRCFIHcfmu/VyTemeKzVcE5kn5Usba8FWY4va+iu/LyjemeKyECE2jJ+brpdHl0ujy/9k=";
        using var jpeg = new JpegCodec();
        using var frame = jpeg.Decode(Convert.FromBase64String(Progressive), _pool);
        Assert.Equal((48, 32), (frame!.Width, frame.Height));
    }

    [Fact]
    public void A_jpeg_of_thousands_of_empty_scans_is_refused_before_any_is_decoded()
    {
        using var jpeg = new JpegCodec();
        using (var few = jpeg.Decode(EmptyScans(JpegCodec.MaxScans - 1), _pool))
            Assert.Equal((1024, 768), (few!.Width, few.Height));
        Assert.Null(jpeg.Decode(EmptyScans(4000), _pool));
    }

    // A grey progressive picture of 1024x768: one scan of DC values that are all 0, then scans in which no block changes.
    private static byte[] EmptyScans(int count)
    {
        var bytes = new List<byte>();
        bytes.AddRange([0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0, .. Enumerable.Repeat((byte)1, 64)]);
        bytes.AddRange([0xFF, 0xC2, 0, 11, 8, 3, 0, 4, 0, 1, 1, 0x11, 0]);
        // One Huffman table for DC (category 0) and one for AC (a run of 2^13 and more empty blocks), each with '0' as its only code.
        bytes.AddRange([0xFF, 0xC4, 0, 20, 0x00, 1, .. new byte[15], 0]);
        bytes.AddRange([0xFF, 0xC4, 0, 20, 0x10, 1, .. new byte[15], 0xD0]);
        bytes.AddRange([0xFF, 0xDA, 0, 8, 1, 1, 0x00, 0, 0, 0, .. new byte[128 * 96 / 8]]);
        for (var i = 0; i < count; i++)
        {
            // Code 0 and thirteen bits of 4096: a run of 12288 blocks, which is the whole picture.
            bytes.AddRange([0xFF, 0xDA, 0, 8, 1, 1, 0x00, 1, 63, 0, 0b0_1000000, 0b000000_11]);
        }
        bytes.AddRange([0xFF, 0xD9]);
        return [.. bytes];
    }
}
