using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Microsoft.ML.OnnxRuntime;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Fused;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;
using TrueLive.Models.Prompts;

namespace TrueLive.Models.Onnx;

/// <summary>
/// A network from an ONNX file with a manifest. The weights are loaded and packed once, for the runtime once for each number of threads that a step may
/// use; every session runs on them at once. Steps that run at the same time and would ask for more threads than there are cores use one each.
/// </summary>
public sealed class OnnxVideoModel : FolderModel
{
    // Larger networks are not held a second time; their steps at the same time share the threads.
    private const int MaxHeldTwice = 64 << 20;

    // One thread is taken for good only after this many turns: a busy host can take half of two cores away for a second.
    private const int Rounds = 5;

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
        var size = manifest.Size!;
        Info = new ModelInfo(manifest.Id, manifest.Version, manifest.Title, manifest.Description, matcher is not null, manifest.States.Length > 0,
            new ModelSizes(size.Min, size.Max, size.Multiple, size.Width, size.Height), [.. manifest.Looks.Select(l => new LookInfo(l.Id, l.Title, l.Description))]);
    }

    /// <inheritdoc/>
    public override ModelInfo Info { get; }

    /// <inheritdoc/>
    public override ModelManifest Manifest { get; }

    /// <inheritdoc/>
    public override int Threads { get; }

    /// <summary>Whether the convolutions are computed here.</summary>
    internal bool OwnConvolutions => _fused?.Convolutions is not null;

    /// <summary>A second runtime session whose steps use one thread; null where all do.</summary>
    internal InferenceSession? Narrow => _singleThreaded;

    /// <summary>A step begins; true when those that run now leave it one thread. Each call is followed by one of <see cref="StepEnded"/>.</summary>
    internal bool StepBegins() => Interlocked.Increment(ref _stepping) * Threads > Math.Max(Threads, Environment.ProcessorCount);

    internal void StepEnded() => Interlocked.Decrement(ref _stepping);

    /// <inheritdoc/>
    public override int FramesOut => _pool.Rented;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Tensors { get; }

    /// <summary>Loads the folder of one ONNX file.</summary>
    /// <param name="folder">Folder with a manifest.json.</param>
    /// <param name="threads">Threads a step uses; 0 measures one against two and takes two only where they are at least a tenth faster.</param>
    /// <param name="time">Clock for that measurement.</param>
    /// <exception cref="ModelException">The folder cannot be used; the message names the file and the field.</exception>
    public static OnnxVideoModel Load(string folder, int threads, TimeProvider time)
    {
        var manifest = ModelManifest.Load(folder);
        var path = Path.Combine(manifest.Folder, manifest.File);
        var bytes = FolderFile.Read(path, "field file", ModelManifest.MaxFileBytes);
        if (manifest.Sha256 is { } wanted && !wanted.Equals(Convert.ToHexStringLower(SHA256.HashData(bytes)), StringComparison.OrdinalIgnoreCase))
            throw new ModelException($"{path} does not have the checksum that sha256 in manifest.json names: the file was changed or cut off.");
        OnnxFile.Check(bytes, path);
        var matcher = manifest switch
        {
            { Prompt: { } prompt } => new LookMatcher(prompt, manifest.Looks, WordTable.Load(Path.Combine(manifest.Folder, prompt.Words))),
            { Looks.Length: > 0 } => new LookMatcher(PromptSpec.NamesOnly, manifest.Looks, WordTable.Empty),
            _ => null,
        };
        var whole = GraphRuntime.Open($"{path} (field file)", bytes, manifest.Fused is null ? Math.Max(1, threads) : 1);
        var part = manifest.Fused is null ? $"{path} (field file)" : $"{path}, cut as fused in manifest.json says,";
        OnnxVideoModel? model = null, two = null;
        FusedModel? fused = null;
        try
        {
            GraphCheck.Run(manifest, whole);
            IReadOnlyList<string> tensors = [.. whole.InputMetadata.Select(m => $"in  {m.Key} {GraphCheck.Describe(m.Value)}"), .. whole.OutputMetadata.Select(m => $"out {m.Key} {GraphCheck.Describe(m.Value)}")];
            try
            {
                model = Try(own: true);
            }
            catch (ModelException) when (fused?.Convolutions is not null)
            {
                // The manifest may be wrong, or only our layers no match for the graph: the runtime decides.
                fused.Dispose();
                model = Try(own: false);
            }
            var step = fused is null ? bytes : fused.Step;
            if (threads > 1 && step?.Length <= MaxHeldTwice)
                model._singleThreaded = GraphRuntime.Open(part, step, 1);
            if (threads > 0 || Environment.ProcessorCount < 2)
                return model;
            two = Create(null, 2);
            var (w, h) = model.Info.Sizes.Nearest(512, 288);
            // In turns, and the quickest of each: what else the machine does just then only adds.
            var (one, pair) = (double.MaxValue, double.MaxValue);
            for (var round = 0; round < Rounds && pair * 1.1 > one; round++)
                (one, pair) = (Math.Min(one, model.Times(w, h, 5, time)[0]), Math.Min(pair, two.Times(w, h, 5, time)[0]));
            var (chosen, other) = pair * 1.1 <= one ? (two, model) : (model, two);
            if (chosen.Threads > 1 && step?.Length <= MaxHeldTwice)
                chosen._singleThreaded = other._session;
            else
                other._session?.Dispose();
            return chosen;

            OnnxVideoModel Try(bool own)
            {
                fused = manifest.Fused is null ? null : FusedModel.Cut(manifest, bytes, own, cut => GraphRuntime.Open(part, cut, 1));
                model = Create(fused is null ? whole : null, Math.Max(1, threads));
                model.TryStep(path, fused is null ? null : whole);
                return model;
            }

            // No runtime is asked for a step that is computed here.
            OnnxVideoModel Create(InferenceSession? loaded, int count)
            {
                var runtime = fused is null ? bytes : fused.Step;
                return new(manifest, loaded ?? (runtime is null ? null : GraphRuntime.Open(part, runtime, count)), fused, tensors, count, matcher, time);
            }
        }
        catch
        {
            two?._session?.Dispose();
            model?._session?.Dispose();
            fused?.Dispose();
            whole.Dispose();
            throw;
        }
        finally
        {
            if (fused is not null)
                whole.Dispose();
        }
    }

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

    /// <summary>A session whose frames have the network's own size, for a size that <see cref="ModelSizes.Nearest"/> gave.</summary>
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

    private void TryStep(string path, InferenceSession? whole)
    {
        var size = Info.Sizes.Nearest(384, 216);
        try
        {
            Open(size.Width, size.Height).Dispose();
            if (whole is not null)
                Compare(whole);
        }
        catch (Exception e) when (IsRefusal(e))
        {
            throw new ModelException($"{path} does not run at {size.Width}x{size.Height} as manifest.json describes it (fields size, output, states, fused): {e.Message.ReplaceLineEndings(" ")}", e);
        }
        TryEnds(size);
    }

    // Every size that is offered must run, so its ends are tried: the smallest, the next one, the narrowest both ways and the largest. One that takes
    // too long to tell is not held against the network, and none larger is tried.
    private void TryEnds((int Width, int Height) known)
    {
        var (low, high) = (Info.Sizes.Nearest(1, 1).Width, Info.Sizes.Nearest(4096, 4096).Width);
        var next = low + (Manifest.Size!.Multiple % 2 == 0 ? 1 : 2) * Manifest.Size.Multiple;
        var most = 0L;
        foreach (var (width, height) in new[] { (low, low), (next, next), (high, low), (low, high), (high, high) }.Select(s => Info.Sizes.Nearest(s.Item1, s.Item2)).Distinct().Where(s => s != known))
        {
            if (TryEnd(width, height, known) is not { } taken)
                break;
            most = Math.Max(most, taken);
        }
        // Buffers of the largest size would lie about until the next collection of the oldest generation, which may never come.
        if (most > MaxHeldTwice)
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }

    // The bytes that a session took, or null when its step took too long. Apart, so that nothing on the stack holds the session when they are collected.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private long? TryEnd(int width, int height, (int Width, int Height) known)
    {
        try
        {
            using var session = Open(width, height, trial: true);
            return session.Claimed;
        }
        catch (ModelStepException e) when (e.InnerException is TimeoutException)
        {
            return null;
        }
        catch (Exception e) when (IsRefusal(e))
        {
            var (w, h) = Info.Sizes.Network(width, height);
            throw new ModelException($"{Path.Combine(Manifest.Folder, "manifest.json")}: size claims {w}x{h}, but {Manifest.File} does not run there; it runs at {known.Width}x{known.Height}. Set size.min, size.max and size.multiple to what the network takes. {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static bool IsRefusal(Exception e) => e is OnnxRuntimeException or NotSupportedException or ModelStepException or ArgumentException or OverflowException;

    private void Compare(InferenceSession whole)
    {
        var size = Info.Sizes.Nearest(Manifest.Size!.Min, Manifest.Size.Min);
        using var fused = Open(size.Width, size.Height);
        using var graph = Warm(new OnnxModelSession(this, whole, null, _pool, size.Width, size.Height, _time));
        FusedCheck.Run(Manifest, fused, graph);
    }
}
