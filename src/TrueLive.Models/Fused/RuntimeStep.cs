using Microsoft.ML.OnnxRuntime;
using TrueLive.Models.Graphs;

namespace TrueLive.Models.Fused;

/// <summary>The convolutions in ONNX Runtime: for processors and models that <see cref="ConvStep"/> does not support.</summary>
internal sealed class RuntimeStep : IFusedStep
{
    private readonly FusedModel _fused;
    private readonly int _width;
    private readonly int _height;
    private readonly TensorBuffer _style;
    private readonly TensorBuffer _tiles;
    private readonly (InferenceSession Runtime, OrtIoBinding[] Sides) _multiThreaded;
    private readonly (InferenceSession Runtime, OrtIoBinding[] Sides)? _singleThreaded;

    public RuntimeStep(FusedModel fused, InferenceSession session, InferenceSession? singleThreaded, TensorBuffer[] stems,
        TensorBuffer style, TensorBuffer tiles, TensorBuffer halfOutput, int width, int height)
    {
        (_fused, _width, _height, _style, _tiles) = (fused, width, height, style, tiles);
        _multiThreaded = (session, Sides(session));
        _singleThreaded = singleThreaded is null ? null : (singleThreaded, Sides(singleThreaded));

        OrtIoBinding[] Sides(InferenceSession on) => [.. stems.Select(stem =>
        {
            var binding = on.CreateIoBinding();
            binding.BindInput(fused.Spec.Stem, stem.Value);
            binding.BindInput(fused.Spec.Tiles, tiles.Value);
            binding.BindInput(fused.Style, style.Value);
            binding.BindOutput(fused.Spec.Paint, halfOutput.Value);
            return binding;
        })];
    }

    public void SetStyle(StyleTensors style)
    {
        _style.Write(style.Style);
        int w = _width / 2, h = _height / 2;
        for (var row = 0; row < _fused.Channels * h; row++)
        {
            var tile = style.Screen.AsSpan((row / h * _fused.ScreenHeight + row % h % _fused.ScreenHeight) * _fused.ScreenWidth,
                _fused.ScreenWidth);
            var into = _tiles.Floats.Slice(row * w, w);
            for (var x = 0; x < w; x += tile.Length)
                tile.CopyTo(into[x..]);
        }
    }

    public void Run(int side, bool singleThreaded, RunOptions run)
    {
        var (runtime, sides) = (singleThreaded ? _singleThreaded : null) ?? _multiThreaded;
        runtime.RunWithBinding(run, sides[side]);
    }

    public void Dispose()
    {
        foreach (var binding in _multiThreaded.Sides.Concat(_singleThreaded?.Sides ?? []))
            binding.Dispose();
    }
}
