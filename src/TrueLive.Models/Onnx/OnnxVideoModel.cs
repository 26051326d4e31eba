using Microsoft.ML.OnnxRuntime;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Devices;
using TrueLive.Models.Fused;
using TrueLive.Models.Manifest;
using TrueLive.Models.Prompts;

namespace TrueLive.Models.Onnx;

/// <summary>
/// A model from an ONNX file with a manifest. The weights are loaded and packed once, for the runtime once for each number of threads that
/// a step may
/// use; every session runs on them at once. Steps that run at the same time and would ask for more threads than there are cores use one
/// each.
/// </summary>
public sealed partial class OnnxVideoModel : FolderModel
{
    private readonly InferenceSession? _session;
    private readonly FusedModel? _fused;
    private readonly LookMatcher? _matcher;
    private readonly TimeProvider _time;
    private readonly FramePool _pool = new("model output", 32);
    private InferenceSession? _singleThreaded;
    private int _stepping;

    private OnnxVideoModel(ModelManifest manifest, InferenceSession? session, FusedModel? fused, IReadOnlyList<string> tensors, int threads, LookMatcher? matcher, TimeProvider time)
    {
        (Manifest, _session, _fused, Tensors, Threads, _matcher, _time) = (manifest, session, fused, tensors, threads, matcher, time);
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

    /// <summary>Whether the convolutions are computed here.</summary>
    internal bool OwnConvolutions => _fused?.Convolutions is not null;

    /// <summary>A second runtime session whose steps use one thread; null where all do.</summary>
    internal InferenceSession? Narrow => _singleThreaded;

    /// <summary>
    /// A step begins; true when those that run now leave it one thread. Each call is followed by one of <see cref="StepEnded"/>.
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
        if (_matcher is not null)
            return _matcher.Read(text);
        return string.IsNullOrWhiteSpace(text)
            ? PromptReading.Empty
            : PromptReading.Empty with { Understood = false, Confidence = 0, Note = $"{Info.Title} takes no prompt: it has one look." };
    }

    /// <inheritdoc/>
    public override IModelSession CreateSession(int width, int height)
    {
        if (Info.Sizes.Nearest(width, height) != (width, height))
            throw new ArgumentException($"{Info.Id} does not run at {width}x{height}; the nearest size is {Info.Sizes.Nearest(width, height)}.");
        var session = Open(width, height);
        return (session.Width, session.Height) == (width, height) ? session : new EvenSession(session, _pool, width, height);
    }

    internal override OnnxSession Open(int width, int height) => Open(width, height, trial: false);

    /// <summary>A session whose frames have the model's own size, for a size that <see cref="ModelSizes.Nearest"/> gave.</summary>
    internal OnnxSession Open(int width, int height, bool trial)
    {
        (width, height) = Info.Sizes.Network(width, height);
        return Warm(_fused is null
            ? new OnnxModelSession(this, _session!, _singleThreaded, _pool, width, height, _time, trial)
            : new FusedSession(this, _fused, _session, _singleThreaded, _pool, width, height, _time, trial));
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
        _session?.Dispose();
        _singleThreaded?.Dispose();
        _fused?.Dispose();
    }
}
