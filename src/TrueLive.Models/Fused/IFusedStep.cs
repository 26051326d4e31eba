using Microsoft.ML.OnnxRuntime;

namespace TrueLive.Models.Fused;

/// <summary>The tensors that a style determines, computed when it changes.</summary>
/// <param name="Style">The style itself.</param>
/// <param name="Screen">The pattern that is added to the features: channels x height x width.</param>
/// <param name="Grade">A colour matrix minus identity.</param>
/// <param name="Layers">The tensors that the layers of <see cref="FusedModel.Convolutions"/> name.</param>
internal sealed record StyleTensors(float[] Style, float[] Screen, float[] Grade, IReadOnlyDictionary<string, float[]> Layers);

/// <summary>The convolutions of a <see cref="FusedModel"/> for one stream: from a stem to the half-size output.</summary>
internal interface IFusedStep : IDisposable
{
    /// <summary>Sets the style of the next runs.</summary>
    void SetStyle(StyleTensors style);

    /// <summary>Computes the half-size output from one of the two stems.</summary>
    /// <param name="side">The stem, 0 or 1.</param>
    /// <param name="singleThreaded">Whether to run on the calling thread alone.</param>
    /// <param name="run">Cancels the run when it takes too long.</param>
    /// <exception cref="OnnxRuntimeException">The run failed or was cancelled.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    void Run(int side, bool singleThreaded, RunOptions run);
}
