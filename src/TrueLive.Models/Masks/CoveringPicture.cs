using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Masks;

/// <summary>A reference picture behind frames of any size: it covers them, is cut off evenly on two sides, and never distorted.</summary>
internal static class CoveringPicture
{
    /// <summary>The middle of the picture, scaled to a size; the caller disposes it.</summary>
    public static VideoFrame Of(ReferencePicture picture, int width, int height, FramePool pool)
    {
        using var whole = picture.Rent(pool);
        var (w, h) = (Side((long)whole.Height * width / height, whole.Width), Side((long)whole.Width * height / width, whole.Height));
        var (left, top) = ((whole.Width - w) / 2 & ~1, (whole.Height - h) / 2 & ~1);
        using var part = pool.Rent(w, h);
        part.Colour = whole.Colour;
        Copy(whole.Y, whole.StrideY, left, top, part.Y, part.StrideY, w, h);
        Copy(whole.U, whole.StrideC, left / 2, top / 2, part.U, part.StrideC, w / 2, h / 2);
        Copy(whole.V, whole.StrideC, left / 2, top / 2, part.V, part.StrideC, w / 2, h / 2);
        var fitted = pool.Rent(width, height);
        new FrameScaler(w, h, width, height).Scale(part, fitted);
        return fitted;
    }

    // Even, as chroma is, and at least one sample of it.
    private static int Side(long wanted, int most) => (int)Math.Clamp((wanted + 1) & ~1L, 2, most);

    private static void Copy(ReadOnlySpan<byte> from, int fromStride, int left, int top, Span<byte> to, int stride, int width, int height)
    {
        for (var y = 0; y < height; y++)
            from.Slice((top + y) * fromStride + left, width).CopyTo(to.Slice(y * stride, width));
    }
}
