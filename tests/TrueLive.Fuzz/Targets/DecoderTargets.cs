using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.Media.Files;
using TrueLive.Media.Isolated;

namespace TrueLive.Fuzz.Targets;

/// <summary>
/// Pictures, and archives of pictures. The native decoders are called as the server calls them; a crash in one ends the process.
/// </summary>
internal static class DecoderTargets
{
    // One decoder of each kind is kept, as in a connection, so that its state carries over to the next input.
    private static readonly FramePool Pool = new("fuzz", 2);
    private static readonly JpegCodec Codec = new();
    private static readonly string Archive = KeptTargets.FileOf("pictures.zip");

    public static void Zip(ReadOnlySpan<byte> input)
    {
        File.WriteAllBytes(Archive, input);
        try
        {
            ImageSequence.CopyAsync(Archive, "pictures.zip", _ => Stream.Null, 1 << 20, CancellationToken.None).GetAwaiter().GetResult();
        }
        catch (MediaFileException)
        {
            // The documented refusal.
        }
    }

    public static void Jpeg(ReadOnlySpan<byte> input)
    {
        using var picture = Codec.Decode(input, Pool);
        if (picture is not null && (long)picture.Width * picture.Height > JpegCodec.CostOf(input))
            throw new InvalidOperationException("More was decoded than its header was charged for.");
    }

    /// <summary>What a decode process answers, without the text after it.</summary>
    public static void Answer(ReadOnlySpan<byte> input)
    {
        if (input.Length < DecodeAnswer.Size || !DecodeAnswer.TryRead(input, out var answer))
            return;
        if (answer.TroubleLength is < 0 or > DecodeAnswer.MaxTrouble
            || (answer.HasPicture && (long)answer.Width * answer.Height > VideoDecoder.MaxPixels))
            throw new InvalidOperationException($"{answer} is beyond the limits.");
    }

    public static void H264(ReadOnlySpan<byte> input) => Decode(VideoCodec.H264, input);

    public static void Vp8(ReadOnlySpan<byte> input) => Decode(VideoCodec.Vp8, input);

    /// <summary>
    /// Access units; bits of the byte before each say whether it is a key frame and whether frames are missing before it.
    /// </summary>
    private static void Decode(VideoCodec codec, ReadOnlySpan<byte> input)
    {
        using var decoder = new VideoDecoder();
        var time = 0u;
        foreach (var unit in FuzzTarget.Packets(input).Where(u => u.Length > 0))
        {
            var frame = new EncodedFrame
            {
                Codec = codec,
                Data = unit.AsSpan(1),
                RtpTime = time += 3000,
                KeyFrame = (unit[0] & 1) != 0,
                AfterGap = (unit[0] & 2) != 0,
            };
            decoder.Decode(frame, Pool)?.Dispose();
            if (decoder.Trouble is { Length: 0 or > 500 } words)
                throw new InvalidOperationException($"{words.Length} characters of trouble");
        }
    }
}
