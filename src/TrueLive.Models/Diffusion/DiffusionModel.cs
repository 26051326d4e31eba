using Microsoft.ML.OnnxRuntime;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Devices;
using TrueLive.Models.Manifest;
using TrueLive.Models.Text;

namespace TrueLive.Models.Diffusion;

/// <summary>
/// A latent diffusion pipeline: text encoder, UNet and autoencoder from one folder. Every frame goes through all of its steps at once, so
/// none comes late, unless the manifest asks for throughput.
/// </summary>
public sealed class DiffusionModel : FolderModel
{
    private readonly TextEncoder _text;
    private readonly FramePool _pool = new("model output", 32);
    private readonly TimeProvider _time;
    private readonly Lock _sizes = new();
    private readonly List<DiffusionSession> _open = [];
    private int _held;
    private volatile string? _notCaptured;

    private DiffusionModel(
        ModelManifest manifest, DiffusionGraphs graphs, NoiseSchedule schedule, TextEncoder text, int threads, TimeProvider time)
    {
        (Manifest, Graphs, Schedule, _text, Threads, _time) = (manifest, graphs, schedule, text, threads, time);
        Info = manifest.Describe();
    }

    /// <inheritdoc/>
    public override ModelInfo Info { get; }

    /// <inheritdoc/>
    public override ModelManifest Manifest { get; }

    /// <inheritdoc/>
    public override int Threads { get; }

    /// <inheritdoc/>
    public override ComputeDevice Device => GraphDevice.Current;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Tensors => Graphs.Tensors;

    /// <inheritdoc/>
    public override string? Note =>
        !GraphDevice.CudaGraphs ? null
        : (Graphs.NotCaptured ?? _notCaptured) is { } why ? $"CUDA graphs are not used: {why}."
        : "CUDA graphs are used.";

    /// <inheritdoc/>
    public override int FramesOut => _pool.Rented;

    internal DiffusionGraphs Graphs { get; }

    internal NoiseSchedule Schedule { get; }

    internal float[] NoText => _text.Nothing;

    /// <summary>Loads a folder and tries a step at its smallest size and at the next.</summary>
    /// <param name="manifest">Its manifest, with a diffusion part.</param>
    /// <param name="threads">Threads that a step uses; 0 takes all cores, since little of a step is not the UNet's.</param>
    /// <param name="time">Clock that bounds a step.</param>
    /// <exception cref="ModelException">The folder cannot be used; the message names the file and the field.</exception>
    internal static DiffusionModel Load(ModelManifest manifest, int threads, TimeProvider time)
    {
        var schedule = NoiseSchedule.Load(manifest.Folder);
        threads = threads > 0 ? threads : Environment.ProcessorCount;
        var graphs = DiffusionGraphs.Load(manifest, threads);
        try
        {
            var model = new DiffusionModel(manifest, graphs, schedule, TextEncoder.Load(manifest.Folder, graphs.Texts, graphs.Pooled > 0),
                threads, time);
            var size = manifest.Size!;
            var small = model.Info.Sizes.Nearest(size.Min, size.Min);
            model.Open(small.Width, small.Height).Dispose();
            // A UNet that halves its latents several times needs multiples of more than the autoencoder's 8.
            var next = model.Info.Sizes.Nearest(size.Min + size.Multiple, size.Min + size.Multiple);
            if (next != small)
                model.Try(next.Width, next.Height);
            return model;
        }
        catch (Exception e) when (e is OnnxRuntimeException or ModelStepException or NotSupportedException or ArgumentException)
        {
            graphs.Dispose();
            throw new ModelException($"{manifest.Folder} does not run as a diffusion pipeline: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        catch
        {
            graphs.Dispose();
            throw;
        }
    }

    /// <summary>Remembers what the arenas hold for a session that is over.</summary>
    internal void Closed(DiffusionSession session)
    {
        lock (_sizes)
        {
            if (_open.Remove(session))
                _held = Math.Max(_held, Pixels(session));
        }
    }

    // The arenas keep what the largest size needed. Where none that is open needs as much, the next one gives it back.
    private bool Shrinks(DiffusionSession session)
    {
        lock (_sizes)
        {
            _open.Add(session);
            // What was captured reads the memory that it was captured with.
            if (GraphDevice.CudaGraphs || _held <= _open.Max(Pixels))
                return false;
            _held = 0;
            return true;
        }
    }

    private static int Pixels(DiffusionSession session) => session.Width * session.Height;

    private void Try(int width, int height)
    {
        try
        {
            Open(width, height).Dispose();
        }
        catch (Exception e) when (e is OnnxRuntimeException or ModelStepException or NotSupportedException)
        {
            throw new ModelException($"{Path.Combine(Manifest.Folder, "manifest.json")}: size.multiple is {Manifest.Size!.Multiple}, but the " +
                $"pipeline does not run at {width}x{height}. UNets of Stable Diffusion need 64. {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <inheritdoc/>
    public override PromptReading Read(string text) => _text.Read(text);

    /// <inheritdoc/>
    public override IModelSession CreateSession(int width, int height) =>
        Info.Sizes.Nearest(width, height) == (width, height) ? Open(width, height)
        : throw new ArgumentException($"{Info.Id} does not run at {width}x{height}; the nearest size is " +
            $"{Info.Sizes.Nearest(width, height)}.");

    /// <inheritdoc/>
    public override void Dispose() => Graphs.Dispose();

    internal override FolderModelSession Open(int width, int height)
    {
        var session = new DiffusionSession(this, _pool, width, height, _time);
        try
        {
            session.WarmUp(Shrinks(session));
            _notCaptured ??= session.NotCaptured;
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }
}
