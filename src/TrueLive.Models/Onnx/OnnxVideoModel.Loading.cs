using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Microsoft.ML.OnnxRuntime;
using TrueLive.Core.Models;
using TrueLive.Models.Fused;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;
using TrueLive.Models.Prompts;

namespace TrueLive.Models.Onnx;

public sealed partial class OnnxVideoModel
{
    // Larger models get no second runtime session; their concurrent steps share the threads.
    private const int MaxHeldTwice = 64 << 20;

    // One thread is chosen only after this many rounds: a busy host can take away half of two cores for a second.
    private const int Rounds = 5;

    /// <summary>Loads the folder of one ONNX file.</summary>
    /// <param name="folder">Folder with a manifest.json.</param>
    /// <param name="threads">Threads a step uses; 0 measures one against two and takes two only where they are at least a tenth
    /// faster.</param>
    /// <param name="time">Clock for that measurement.</param>
    /// <exception cref="ModelException">The folder cannot be used; the message names the file and the field.</exception>
    public static OnnxVideoModel Load(string folder, int threads, TimeProvider time) => Load(ModelManifest.Load(folder), threads, time);

    internal static OnnxVideoModel Load(ModelManifest manifest, int threads, TimeProvider time)
    {
        var path = Path.Combine(manifest.Folder, manifest.File);
        var bytes = ReadGraph(manifest, path);
        return new Loading(manifest, path, bytes, ReaderOf(manifest), time).Run(threads);
    }

    private static byte[] ReadGraph(ModelManifest manifest, string path)
    {
        var limits = GraphLimits.OfNetwork(manifest);
        var bytes = FolderFile.Read(path, "field file", limits.File);
        if (manifest.Sha256 is { } wanted && !wanted.Equals(Convert.ToHexStringLower(SHA256.HashData(bytes)),
            StringComparison.OrdinalIgnoreCase))
            throw new ModelException($"{path} does not have the checksum that sha256 in manifest.json names: the file was changed " +
                "or cut off.");
        // A graph that is cut must hold all its weights itself.
        OnnxFile.Check(bytes, path, manifest.Fused is null ? limits : limits with { DataFolder = null });
        return bytes;
    }

    private static PromptReader? ReaderOf(ModelManifest manifest) => manifest switch
    {
        { Prompt: { } prompt } => new PromptReader(
            new LookMatcher(prompt, manifest.Looks, WordTable.Load(Path.Combine(manifest.Folder, prompt.Words)))),
        { Looks.Length: > 0 } => new PromptReader(new LookMatcher(PromptSpec.NamesOnly, manifest.Looks, WordTable.Empty)),
        _ => null,
    };

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
            throw new ModelException($"{path} does not run at {size.Width}x{size.Height} as manifest.json describes it (fields size, " +
                $"output, states, fused): {e.Message.ReplaceLineEndings(" ")}", e);
        }
        TryEnds(size);
    }

    // Every declared size must run, so the extremes are tried: the smallest, the next one, the narrowest both ways and the largest. A size
    // that runs out of time is not held against the model, and no further one is tried.
    private void TryEnds((int Width, int Height) known)
    {
        var (low, high) = (Info.Sizes.Nearest(1, 1).Width, Info.Sizes.Nearest(4096, 4096).Width);
        var next = low + (Manifest.Size!.Multiple % 2 == 0 ? 1 : 2) * Manifest.Size.Multiple;
        var most = 0L;
        foreach (var (width, height) in new[] { (low, low), (next, next), (high, low), (low, high),
            (high, high) }.Select(s => Info.Sizes.Nearest(s.Item1, s.Item2)).Distinct().Where(s => s != known))
        {
            if (TryEnd(width, height, known) is not { } taken)
                break;
            most = Math.Max(most, taken);
        }
        // Otherwise the buffers of the largest size would stay until the next gen 2 collection, which may never come.
        if (most > MaxHeldTwice)
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }

    // The bytes that a session took, or null if its step took too long. A method of its own, so that no stack slot keeps the session alive
    // when its buffers are collected.
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
            throw new ModelException($"{Path.Combine(Manifest.Folder, "manifest.json")}: size claims {w}x{h}, but {Manifest.File} does " +
                $"not run there; it runs at {known.Width}x{known.Height}. Set size.min, size.max and size.multiple to what the model " +
                $"takes. {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static bool IsRefusal(Exception e) =>
        e is OnnxRuntimeException or NotSupportedException or ModelStepException or ArgumentException or OverflowException;

    private void Compare(InferenceSession whole)
    {
        var size = Info.Sizes.Nearest(Manifest.Size!.Min, Manifest.Size.Min);
        using var fused = Open(size.Width, size.Height);
        using var graph = Warm(new OnnxModelSession(this, whole, null, _pool, size.Width, size.Height, _time));
        FusedCheck.Run(Manifest, fused, graph);
    }

    /// <summary>One load of a model; disposes everything that it has opened if any part is refused.</summary>
    private sealed class Loading(ModelManifest manifest, string path, byte[] bytes, PromptReader? reader, TimeProvider time)
    {
        private readonly string _part = manifest.Fused is null ? $"{path} (field file)" : $"{path}, cut as fused in manifest.json says,";
        private readonly string? _data = manifest.Fused is null ? GraphLimits.OfNetwork(manifest).DataFolder : null;
        private readonly List<OnnxVideoModel> _made = [];
        private IReadOnlyList<string> _tensors = [];
        private InferenceSession? _whole;
        private FusedModel? _fused;

        // The part of a step that the runtime computes; null if the host computes all of it.
        private byte[]? Step => _fused is null ? bytes : _fused.Step;

        public OnnxVideoModel Run(int threads)
        {
            try
            {
                _whole = GraphRuntime.Open($"{path} (field file)", bytes, manifest.Fused is null ? Math.Max(1, threads) : 1, _data);
                GraphCheck.Run(manifest, _whole);
                _tensors = [.. GraphCheck.Describe(_whole)];
                var model = Try(Math.Max(1, threads));
                return threads > 0 || Environment.ProcessorCount < 2 ? WithSingleThread(model) : Faster(model, Make(null, 2));
            }
            catch
            {
                foreach (var model in _made)
                    model._session?.Dispose();
                _fused?.Dispose();
                _whole?.Dispose();
                throw;
            }
            finally
            {
                if (_fused is not null)
                    _whole?.Dispose();
            }
        }

        private OnnxVideoModel Try(int threads)
        {
            try
            {
                return Try(threads, own: true);
            }
            catch (ModelException) when (_fused?.Convolutions is not null)
            {
                // Either the manifest is wrong or our layers do not match the graph: the check with the runtime tells.
                _fused.Dispose();
                return Try(threads, own: false);
            }
        }

        private OnnxVideoModel Try(int threads, bool own)
        {
            _fused = manifest.Fused is null ? null : FusedModel.Cut(manifest, bytes, own, cut => GraphRuntime.Open(_part, cut, 1));
            var model = Make(_fused is null ? _whole : null, threads);
            model.TryStep(path, _fused is null ? null : _whole);
            return model;
        }

        private OnnxVideoModel Make(InferenceSession? loaded, int threads)
        {
            var session = loaded ?? (Step is { } step ? GraphRuntime.Open(_part, step, threads, _data) : null);
            var model = new OnnxVideoModel(manifest, session, _fused, _tensors, threads, reader, time);
            _made.Add(model);
            return model;
        }

        private OnnxVideoModel WithSingleThread(OnnxVideoModel model)
        {
            if (model.Threads > 1 && Step is { Length: <= MaxHeldTwice } step)
                model._singleThreaded = GraphRuntime.Open(_part, step, 1, _data);
            return model;
        }

        // Measured alternately, taking the fastest of each: other load on the machine only adds time.
        private OnnxVideoModel Faster(OnnxVideoModel single, OnnxVideoModel pair)
        {
            var (width, height) = single.Info.Sizes.Nearest(512, 288);
            var (one, two) = (double.MaxValue, double.MaxValue);
            for (var round = 0; round < Rounds && two * 1.1 > one; round++)
                (one, two) = (Math.Min(one, single.Times(width, height, 5, time)[0]), Math.Min(two, pair.Times(width, height, 5, time)[0]));
            var (chosen, other) = two * 1.1 <= one ? (pair, single) : (single, pair);
            if (chosen.Threads > 1 && Step?.Length <= MaxHeldTwice)
                chosen._singleThreaded = other._session;
            else
                other._session?.Dispose();
            return chosen;
        }
    }
}
