using Microsoft.ML.OnnxRuntime;

namespace TrueLive.Models.Fused;

/// <summary>What a style says, computed when it changes.</summary>
/// <param name="Style">The style itself.</param>
/// <param name="Screen">The pattern that is laid over the features: channels x height x width.</param>
/// <param name="Grade">A colour matrix, less the one that changes nothing.</param>
/// <param name="Layers">The tensors that the layers of <see cref="FusedModel.Convolutions"/> name.</param>
internal sealed record StyleTensors(float[] Style, float[] Screen, float[] Grade, IReadOnlyDictionary<string, float[]> Layers);

/// <summary>The convolutions of a <see cref="FusedModel"/> for one stream: from a stem to the paint.</summary>
internal interface IFusedStep : IDisposable
{
    /// <summary>Takes a new style.</summary>
    void SetStyle(StyleTensors style);

    /// <summary>Fills the paint from one of the two stems.</summary>
    /// <param name="side">Which stem.</param>
    /// <param name="singleThreaded">Whether this thread alone may work on it.</param>
    /// <param name="run">Ends it when it has taken too long.</param>
    /// <exception cref="OnnxRuntimeException">It failed, or was ended.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    void Run(int side, bool singleThreaded, RunOptions run);
}
