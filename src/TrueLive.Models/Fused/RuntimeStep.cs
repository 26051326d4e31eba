using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Models.Onnx;

namespace TrueLive.Models.Fused;

/// <summary>The convolutions in ONNX Runtime: for processors and networks that <see cref="ConvStep"/> does not take.</summary>
internal sealed class RuntimeStep : IFusedStep
{
    private readonly FusedNetwork _network;
    private readonly int _width;
    private readonly int _height;
    private readonly TensorBuffer _style;
    private readonly TensorBuffer _tiles;
    private readonly (InferenceSession Runtime, OrtIoBinding[] Sides) _wide;
    private readonly (InferenceSession Runtime, OrtIoBinding[] Sides)? _narrow;

    public RuntimeStep(FusedNetwork network, InferenceSession session, InferenceSession? narrow, TensorBuffer[] stems, TensorBuffer style, TensorBuffer tiles, TensorBuffer paint, int width, int height)
    {
        (_network, _width, _height, _style, _tiles) = (network, width, height, style, tiles);
        _wide = (session, Sides(session));
        _narrow = narrow is null ? null : (narrow, Sides(narrow));

        OrtIoBinding[] Sides(InferenceSession on) => [.. stems.Select(stem =>
        {
            var binding = on.CreateIoBinding();
            binding.BindInput(network.Spec.Stem, stem.Value);
            binding.BindInput(network.Spec.Tiles, tiles.Value);
            binding.BindInput(network.Style, style.Value);
            binding.BindOutput(network.Spec.Paint, paint.Value);
            return binding;
        })];
    }

    public void Dress(StyleTensors style)
    {
        _style.Write(style.Style);
        int w = _width / 2, h = _height / 2;
        for (var row = 0; row < _network.Channels * h; row++)
        {
            var tile = style.Screen.AsSpan((row / h * _network.ScreenHeight + row % h % _network.ScreenHeight) * _network.ScreenWidth, _network.ScreenWidth);
            var into = _tiles.Floats.Slice(row * w, w);
            for (var x = 0; x < w; x += tile.Length)
                tile.CopyTo(into[x..]);
        }
    }

    public void Run(int side, bool narrow, RunOptions run)
    {
        var (runtime, sides) = (narrow ? _narrow : null) ?? _wide;
        runtime.RunWithBinding(run, sides[side]);
    }

    public void Dispose()
    {
        foreach (var binding in _wide.Sides.Concat(_narrow?.Sides ?? []))
            binding.Dispose();
    }
}
