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
    private readonly BoundCall[] _multiThreaded;
    private readonly BoundCall[]? _singleThreaded;

    public RuntimeStep(FusedModel fused, InferenceSession session, InferenceSession? singleThreaded, TensorBuffer[] stems,
        TensorBuffer style, TensorBuffer tiles, TensorBuffer halfOutput, int width, int height)
    {
        (_fused, _width, _height, _style, _tiles) = (fused, width, height, style, tiles);
        _multiThreaded = Sides(session);
        _singleThreaded = singleThreaded is null ? null : Sides(singleThreaded);

        BoundCall[] Sides(InferenceSession on) => [.. stems.Select(stem =>
        {
            var call = new BoundCall(on);
            call.Input(fused.Spec.Stem, stem);
            call.Input(fused.Spec.Tiles, tiles);
            call.Input(fused.Style, style);
            call.Output(fused.Spec.Paint, halfOutput);
            return call;
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

    public void Run(int side, bool singleThreaded, RunOptions run) =>
        ((singleThreaded ? _singleThreaded : null) ?? _multiThreaded)[side].Run(run);

    public void Dispose()
    {
        foreach (var call in _multiThreaded.Concat(_singleThreaded ?? []))
            call.Dispose();
    }
}
