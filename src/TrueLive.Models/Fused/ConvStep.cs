using Microsoft.ML.OnnxRuntime;
using TrueLive.Models.Convolutions;
using TrueLive.Models.Graphs;

namespace TrueLive.Models.Fused;

/// <summary>
/// The convolutions computed by the host, with fewer multiplications than the runtime needs (<see cref="WinogradConvolution"/>).
/// </summary>
internal sealed class ConvStep : IFusedStep
{
    private readonly IReadOnlyList<Convolution> _convolutions;
    private readonly ConvSession _session;
    private readonly TensorBuffer[] _stems;
    private readonly Func<bool> _ended;
    private RunOptions? _run;

    public unsafe ConvStep(
        FusedModel fused, TensorBuffer[] stems, TensorBuffer halfOutput, int width, int height, int threads, Action<long> claim)
    {
        (_convolutions, _stems) = (fused.Convolutions!, stems);
        _session = new ConvSession(_convolutions, width, height, fused.ScreenHeight, fused.ScreenWidth, halfOutput.Start, threads, claim);
        _ended = () => _run!.Terminate;
    }

    public void SetStyle(StyleTensors style)
    {
        for (var i = 0; i < _convolutions.Count; i++)
        {
            var layer = _convolutions[i].Layer;
            _session.SetStyle(i, layer.Scale is null ? null : style.Layers[layer.Scale],
                layer.Screened ? style.Screen : layer.Shift is null ? null : style.Layers[layer.Shift]);
        }
    }

    public unsafe void Run(int side, bool singleThreaded, RunOptions run)
    {
        _run = run;
        _session.Run(_stems[side].Start, !singleThreaded, _ended);
    }

    public void Dispose()
    {
    }
}
