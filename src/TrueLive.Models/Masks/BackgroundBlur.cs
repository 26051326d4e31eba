using TrueLive.Core.Frames;

namespace TrueLive.Models.Masks;

/// <summary>
/// A strong blur of the part of a picture that the look is not on. Only that part is blurred into itself: a blur of the whole picture would
/// draw a halo of the person's colours around the person.
/// </summary>
internal sealed class BackgroundBlur
{
    // The blur is made on a picture of about this width, so that it is as strong at each size.
    private const int SmallWidth = 64;
    private const int Passes = 2;

    private readonly FramePool _pool = new("blur", 2);
    private readonly FrameScaler _down;
    private readonly FrameScaler _up;
    private readonly FrameScaler _mask;
    private readonly float[] _weights;
    private readonly float[] _values;
    private readonly float[] _scratch;

    public BackgroundBlur(int width, int height)
    {
        var divide = Math.Max(2, width / SmallWidth);
        int w = Math.Max(2, width / divide), h = Math.Max(2, height / divide);
        (_down, _up) = (new FrameScaler(width, height, w, h), new FrameScaler(w, h, width, height));
        var seen = PersonNetwork.SizeFor(width, height);
        _mask = new FrameScaler(seen.Width, seen.Height, w, h);
        (_weights, _values, _scratch) = (new float[w * h], new float[w * h], new float[w * h]);
    }

    /// <param name="picture">The picture.</param>
    /// <param name="mask">The mask of <see cref="PersonMask"/>: 255 for what is blurred.</param>
    /// <param name="inverted">0 is for what is blurred.</param>
    /// <param name="into">Gets the blurred picture.</param>
    public void Apply(VideoFrame picture, VideoFrame mask, bool inverted, VideoFrame into)
    {
        using var small = _pool.Rent(_down.ToWidth, _down.ToHeight);
        using var weights = _pool.Rent(_down.ToWidth, _down.ToHeight);
        _down.Scale(picture, small);
        _mask.Scale(mask, weights);
        var flip = inverted ? 255 : 0;
        Plane(small.Y, weights.Y, small.StrideY, small.Width, small.Height, flip);
        Plane(small.U, weights.U, small.StrideC, small.ChromaWidth, small.ChromaHeight, flip);
        Plane(small.V, weights.U, small.StrideC, small.ChromaWidth, small.ChromaHeight, flip);
        _up.Scale(small, into);
    }

    private void Plane(Span<byte> plane, ReadOnlySpan<byte> shares, int stride, int width, int height, int flip)
    {
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                // No weight is zero, so that something is known everywhere.
                var weight = (shares[y * stride + x] ^ flip) + 0.01f;
                (_weights[y * width + x], _values[y * width + x]) = (weight, weight * plane[y * stride + x]);
            }
        }
        for (var pass = 0; pass < Passes; pass++)
        {
            Spread(_weights, width, height);
            Spread(_values, width, height);
        }
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
                plane[y * stride + x] = (byte)(_values[y * width + x] / _weights[y * width + x] + 0.5f);
        }
    }

    // 1 4 6 4 1 along rows and columns.
    private void Spread(float[] plane, int width, int height)
    {
        for (var y = 0; y < height; y++)
        {
            var row = plane.AsSpan(y * width, width);
            for (var x = 0; x < width; x++)
                _scratch[y * width + x] = Sum(row[Math.Max(x - 2, 0)], row[Math.Max(x - 1, 0)], row[x], row[Math.Min(x + 1, width - 1)],
                    row[Math.Min(x + 2, width - 1)]);
        }
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
                plane[y * width + x] = Sum(At(x, y - 2), At(x, y - 1), At(x, y), At(x, y + 1), At(x, y + 2));
        }

        float At(int x, int y) => _scratch[Math.Clamp(y, 0, height - 1) * width + x];
    }

    private static float Sum(float a, float b, float c, float d, float e) => (a + e + 4 * (b + d) + 6 * c) * (1 / 16f);
}
