using Microsoft.ML.OnnxRuntime;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Devices;
using TrueLive.Models.Fused;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;
using TrueLive.Models.Prompts;

namespace TrueLive.Models.Onnx;

/// <summary>
/// A model from an ONNX file with a manifest. The weights are loaded and packed once, in the runtime once for each number of threads that
/// a step may use, and shared by all sessions. Concurrent steps that would need more threads than there are cores use one thread each.
/// </summary>
public sealed partial class OnnxVideoModel : FolderModel
{
    private readonly InferenceSession? _session;
    private readonly FusedModel? _fused;
    private readonly PromptReader? _reader;
    private readonly TimeProvider _time;
    private readonly FramePool _pool = new("model output", 32);
    private InferenceSession? _singleThreaded;
    private int _stepping;

    private OnnxVideoModel(ModelManifest manifest, InferenceSession? session, FusedModel? fused, IReadOnlyList<string> tensors, int threads,
        PromptReader? reader, TimeProvider time)
    {
        (Manifest, _session, _fused, Tensors, Threads, _reader, _time) = (manifest, session, fused, tensors, threads, reader, time);
        Info = manifest.Describe();
    }

    /// <inheritdoc/>
    public override ModelInfo Info { get; }

    /// <inheritdoc/>
    public override ModelManifest Manifest { get; }

    /// <inheritdoc/>
    public override int Threads { get; }

    /// <inheritdoc/>
    public override ComputeDevice Device => _session is null ? ComputeDevice.Processor : GraphDevice.Current;

    /// <summary>Whether the host computes the convolutions.</summary>
    internal bool OwnConvolutions => _fused?.Convolutions is not null;

    /// <summary>A second runtime session whose steps use one thread; null if there is none.</summary>
    internal InferenceSession? Narrow => _singleThreaded;

    /// <summary>
    /// Announces a step; true if it should use a single thread because of those that run now. Each call needs one of
    /// <see cref="StepEnded"/>.
    /// </summary>
    internal bool StepBegins() => Interlocked.Increment(ref _stepping) * Threads > Math.Max(Threads, Environment.ProcessorCount);

    internal void StepEnded() => Interlocked.Decrement(ref _stepping);

    /// <inheritdoc/>
    public override int FramesOut => _pool.Rented;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Tensors { get; }

    /// <inheritdoc/>
    public override PromptReading Read(string text)
    {
        if (_reader is not null)
            return _reader.Read(text);
        return string.IsNullOrWhiteSpace(text)
            ? PromptReading.Empty
            : PromptReading.Empty with { Understood = false, Confidence = 0, Note = $"{Info.Title} takes no prompt: it has one look." };
    }

    /// <inheritdoc/>
    public override IModelSession CreateSession(int width, int height)
    {
        if (Info.Sizes.Nearest(width, height) != (width, height))
            throw new ArgumentException($"{Info.Id} does not run at {width}x{height}; the nearest size is " +
                $"{Info.Sizes.Nearest(width, height)}.");
        var session = Open(width, height);
        return (session.Width, session.Height) == (width, height) ? session : new EvenSession(session, _pool, width, height);
    }

    internal override OnnxSession Open(int width, int height) => Open(width, height, trial: false);

    /// <summary>A session at the model's own size, for a size that <see cref="ModelSizes.Nearest"/> returned.</summary>
    internal OnnxSession Open(int width, int height, bool trial)
    {
        (width, height) = Info.Sizes.Network(width, height);
        try
        {
            return Warm(_fused is null
                ? new OnnxModelSession(this, _session!, _singleThreaded, _pool, width, height, _time, trial)
                : new FusedSession(this, _fused, _session, _singleThreaded, _pool, width, height, _time, trial));
        }
        catch (OnnxRuntimeException e) when (MemoryShortage.IsIn(e.Message))
        {
            throw GraphRuntime.Failed($"{Info.Id} failed at {width}x{height}", e);
        }
    }

    private static OnnxSession Warm(OnnxSession session)
    {
        try
        {
            session.WarmUp();
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        using var turn = GraphDevice.Turn();
        _session?.Dispose();
        _singleThreaded?.Dispose();
        _fused?.Dispose();
    }
}
