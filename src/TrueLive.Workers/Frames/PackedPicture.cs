using TrueLive.Core.Frames;

namespace TrueLive.Workers.Frames;

/// <summary>Format of the pictures in shared memory.</summary>
internal enum PackedFormat
{
    /// <summary>Red, green and blue, one byte each; rows without padding.</summary>
    Rgb8,

    /// <summary>The three planes of I420 one after the other, rows without padding; width and height are even.</summary>
    I420,
}

/// <summary>Converts pictures between frames and packed memory, without allocation.</summary>
internal sealed class PackedPicture(PackedFormat format, int width, int height)
{
    /// <summary>Bytes that a picture takes.</summary>
    public static int BytesOf(PackedFormat format, int width, int height) =>
        format == PackedFormat.Rgb8 ? 3 * width * height : width * height * 3 / 2;

    /// <summary>Packs a frame of the same size.</summary>
    public void Pack(VideoFrame frame, Span<byte> to)
    {
        if (format == PackedFormat.I420)
        {
            to = PackRows(frame.Y, frame.StrideY, width, height, to);
            to = PackRows(frame.U, frame.StrideC, width / 2, height / 2, to);
            PackRows(frame.V, frame.StrideC, width / 2, height / 2, to);
            return;
        }
        ColourConversion.ToRgb24(frame, to);
    }

    /// <summary>Fills a frame of the same size.</summary>
    public void Unpack(ReadOnlySpan<byte> from, VideoFrame frame)
    {
        if (format == PackedFormat.I420)
        {
            from = UnpackRows(from, width, height, frame.Y, frame.StrideY);
            from = UnpackRows(from, width / 2, height / 2, frame.U, frame.StrideC);
            UnpackRows(from, width / 2, height / 2, frame.V, frame.StrideC);
            return;
        }
        ColourConversion.FromRgb24(from, frame);
    }

    private static Span<byte> PackRows(ReadOnlySpan<byte> plane, int stride, int width, int rows, Span<byte> to)
    {
        for (var row = 0; row < rows; row++)
            plane.Slice(row * stride, width).CopyTo(to[(row * width)..]);
        return to[(rows * width)..];
    }

    private static ReadOnlySpan<byte> UnpackRows(ReadOnlySpan<byte> from, int width, int rows, Span<byte> plane, int stride)
    {
        for (var row = 0; row < rows; row++)
            from.Slice(row * width, width).CopyTo(plane[(row * stride)..]);
        return from[(rows * width)..];
    }
}
