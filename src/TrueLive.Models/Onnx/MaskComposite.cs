using TrueLive.Core.Frames;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Onnx;

/// <summary>
/// Keeps the input where the mask is white and a strongly blurred copy where it is black. A mask of another size is stretched, bilinear.
/// </summary>
internal sealed class MaskComposite
{
    private const int Blur = 16;

    private readonly TensorBuffer _mask;
    private readonly float[] _values;
    private readonly int _width;
    private readonly int _height;
    private readonly int _start;
    private readonly int _step;
    private readonly float _black;
    private readonly float _scale;
    private readonly FrameScaler _down;
    private readonly FrameScaler _up;
    private readonly FramePool _pool = new("mask blur", 2);

    /// <exception cref="NotSupportedException">The tensor is not a mask; the message says what it has to be.</exception>
    public MaskComposite(OutputSpec spec, TensorBuffer mask, long[] shape, int width, int height)
    {
        if (shape.Length is not (3 or 4))
            throw new NotSupportedException($"output.role is mask, but '{spec.Name}' comes out as [{string.Join(", ", shape)}]; a mask " +
                "has three or four dimensions.");
        var four = shape.Length == 4 ? shape : spec.Layout == TensorLayout.Nchw ? [shape[0], 1, .. shape[1..]] : [.. shape, 1];
        (var channels, _height, _width) = spec.Layout == TensorLayout.Nchw
            ? ((int)four[1], (int)four[2], (int)four[3])
            : ((int)four[3], (int)four[1], (int)four[2]);
        if (spec.Channel >= channels || four[0] != 1)
            throw new NotSupportedException(
                $"output.channel is {spec.Channel}, but the mask is [{string.Join(", ", shape)}], which has {channels} channel(s) as {spec.Layout.ToString().ToLowerInvariant()}.");
        (_start, _step) = spec.Layout == TensorLayout.Nchw ? (spec.Channel * _width * _height, 1) : (spec.Channel, channels);
        (_black, _scale) = (spec.Range[0], 1 / (spec.Range[1] - spec.Range[0]));
        (_mask, _values) = (mask, new float[mask.Count]);
        int w = Math.Max(2, width / Blur), h = Math.Max(2, height / Blur);
        (_down, _up) = (new FrameScaler(width, height, w, h), new FrameScaler(w, h, width, height));
    }

    public void Apply(VideoFrame input, VideoFrame output)
    {
        _mask.Read(_values);
        using var small = _pool.Rent(_down.ToWidth, _down.ToHeight);
        var colour = output.Colour;
        _down.Scale(input, small);
        _up.Scale(small, output);
        output.Colour = colour;
        Plane(input.Y, output.Y, input.StrideY, input.Width, input.Height);
        Plane(input.U, output.U, input.StrideC, input.ChromaWidth, input.ChromaHeight);
        Plane(input.V, output.V, input.StrideC, input.ChromaWidth, input.ChromaHeight);
    }

    private void Plane(ReadOnlySpan<byte> input, Span<byte> output, int stride, int width, int height)
    {
        float stepX = (float)_width / width, stepY = (float)_height / height;
        for (var y = 0; y < height; y++)
        {
            var (top, below, down) = Between((y + 0.5f) * stepY - 0.5f, _height);
            for (var x = 0; x < width; x++)
            {
                var (left, right, across) = Between((x + 0.5f) * stepX - 0.5f, _width);
                var above = At(left, top) + (At(right, top) - At(left, top)) * across;
                var under = At(left, below) + (At(right, below) - At(left, below)) * across;
                var m = (above + (under - above) * down - _black) * _scale;
                var keep = m > 0 ? Math.Min(m, 1) : 0;
                var at = y * stride + x;
                output[at] = (byte)(output[at] + (input[at] - output[at]) * keep + 0.5f);
            }
        }
    }

    private float At(int x, int y) => _values[_start + (y * _width + x) * _step];

    private static (int Near, int Far, float Share) Between(float position, int count)
    {
        position = Math.Clamp(position, 0, count - 1);
        var near = (int)position;
        return (near, Math.Min(near + 1, count - 1), position - near);
    }
}
