using TrueLive.Core.Frames;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Onnx;

/// <summary>Keeps the input where the mask is one and a strongly blurred copy where it is zero.</summary>
internal sealed class MaskComposite
{
    private const int Blur = 16;

    private readonly TensorBuffer _mask;
    private readonly float[] _values;
    private readonly int _maskWidth;
    private readonly int _maskHeight;
    private readonly FrameScaler _down;
    private readonly FrameScaler _up;
    private readonly FramePool _pool = new("mask blur", 2);

    public MaskComposite(TensorBuffer mask, long[] shape, TensorLayout layout, int width, int height)
    {
        if (shape.Length is < 3 or > 4)
            throw new NotSupportedException($"A mask needs three or four dimensions; this output has {shape.Length}. Give it the role \"data\".");
        var four = shape.Length == 4 ? shape : [1, .. shape];
        (_maskHeight, _maskWidth) = layout == TensorLayout.Nchw ? ((int)four[2], (int)four[3]) : ((int)four[1], (int)four[2]);
        if (mask.Count != _maskWidth * _maskHeight)
            throw new NotSupportedException("A mask needs one channel. Give an output with more channels the role \"image\" or \"data\".");
        (_mask, _values) = (mask, new float[mask.Count]);
        int w = Math.Max(2, width / Blur), h = Math.Max(2, height / Blur);
        (_down, _up) = (new FrameScaler(width, height, w, h), new FrameScaler(w, h, width, height));
    }

    public void Apply(VideoFrame input, VideoFrame output)
    {
        _mask.Read(_values);
        using var small = _pool.Rent(_down.ToWidth, _down.ToHeight);
        var (colour, time) = (output.Colour, output.Time);
        _down.Scale(input, small);
        _up.Scale(small, output);
        (output.Colour, output.Time) = (colour, time);
        Plane(input.Y, output.Y, input.StrideY, input.Width, input.Height);
        Plane(input.U, output.U, input.StrideC, input.ChromaWidth, input.ChromaHeight);
        Plane(input.V, output.V, input.StrideC, input.ChromaWidth, input.ChromaHeight);
    }

    private void Plane(ReadOnlySpan<byte> input, Span<byte> output, int stride, int width, int height)
    {
        for (var y = 0; y < height; y++)
        {
            var mask = _values.AsSpan(y * _maskHeight / height * _maskWidth, _maskWidth);
            for (var x = 0; x < width; x++)
            {
                var m = mask[x * _maskWidth / width];
                var keep = m > 0 ? Math.Min(m, 1) : 0;
                var at = y * stride + x;
                output[at] = (byte)(output[at] + (input[at] - output[at]) * keep + 0.5f);
            }
        }
    }
}
