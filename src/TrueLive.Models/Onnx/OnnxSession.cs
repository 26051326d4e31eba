using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Grading;
using TrueLive.Models.Graphs;
using TrueLive.Models.Motion;
using TrueLive.Models.Prompts;

namespace TrueLive.Models.Onnx;

/// <summary>
/// What every session does around a call of the model: scale the picture, follow the style and the motion, limit the time of a step, and
/// capture the memory. How picture and memory reach the tensors is up to the two derived classes.
/// </summary>
internal abstract class OnnxSession : FolderModelSession
{
    // Far longer than any live step; only a graph that never ends takes as long.
    private static readonly TimeSpan MaxStep = TimeSpan.FromSeconds(30);

    private const long MaxBytes = 1L << 30;

    // Limit for trying a size; a slower step is too slow for live, but may still serve clips.
    private static readonly TimeSpan MaxTrial = TimeSpan.FromSeconds(5);

    private readonly OnnxVideoModel _model;
    private readonly FramePool _outputs;
    private readonly RunOptions _run = new();
    private readonly ITimer _deadline;
    private readonly List<TensorBuffer> _owned = [];
    private readonly StyleTransition? _style;
    private readonly Adjuster _adjuster;
    private readonly TimeSpan _limit;
    private ParameterValues _values = ParameterValues.None;

    /// <param name="model">The model.</param>
    /// <param name="outputs">Where the output frames come from.</param>
    /// <param name="width">Width of the model's picture.</param>
    /// <param name="height">Height of the model's picture.</param>
    /// <param name="time">Clock.</param>
    /// <param name="trial">
    /// Whether only one step is tried: its time limit is shorter, and the runtime returns its memory afterwards.
    /// </param>
    protected OnnxSession(OnnxVideoModel model, FramePool outputs, int width, int height, TimeProvider time, bool trial)
    {
        (_model, _outputs, Width, Height, _limit) = (model, outputs, width, height, trial ? MaxTrial : MaxStep);
        if (trial)
            _run.AddRunConfigEntry("memory.enable_memory_arena_shrinkage", "cpu:0");
        _adjuster = new Adjuster(width, height);
        _deadline = time.CreateTimer(_ => _run.Terminate = true, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        if (model.Manifest.Style is { } style)
            _style = new StyleTransition(model.Manifest.Looks.FirstOrDefault(l => l.Id == "identity")?.Style ?? new float[style.Length],
                reading => reading.Style);
        if (model.Manifest.States.Any(s => s.FollowsMotion))
            Motion = new CarriedMemory(width, height);
    }

    public override int Width { get; }

    public override int Height { get; }

    /// <summary>Bytes of the session's own memory.</summary>
    public long Claimed { get; private set; }

    /// <summary>Moves the memory with the picture; null if no state follows motion.</summary>
    protected CarriedMemory? Motion { get; }

    /// <summary>Bytes of the memory without style and motion.</summary>
    protected abstract int MemoryLength { get; }

    /// <summary>Fills the tensors of the next step. Must not change the memory, since the step may fail.</summary>
    /// <param name="picture">The picture at the session's size.</param>
    /// <param name="style">The style in force; empty for a model without one.</param>
    /// <param name="moved">Whether the content moved, so that states that follow motion have to be moved (<see cref="Motion"/>).</param>
    /// <param name="helped">Whether another thread may help.</param>
    /// <param name="run">For calls of the runtime: cancels them when the step takes too long.</param>
    protected abstract void Load(VideoFrame picture, ReadOnlySpan<float> style, bool moved, bool helped, RunOptions run);

    /// <summary>Runs the step on the filled tensors, on one thread or on as many as the model uses.</summary>
    protected abstract void Compute(bool singleThreaded, RunOptions run);

    /// <summary>Called when the step has succeeded: advances the memory and fills the frame.</summary>
    protected abstract void Store(VideoFrame picture, VideoFrame output, bool helped);

    protected abstract void Forget();

    /// <summary>Sets the values of the model's parameters from the next step on.</summary>
    protected virtual void Set(ParameterValues values)
    {
    }

    protected abstract void Save(Span<byte> into);

    protected abstract void Recall(ReadOnlySpan<byte> from);

    /// <summary>
    /// Runs one step on a grey picture with each number of threads, which sizes the runtime's buffers, then resets the memory.
    /// </summary>
    public void WarmUp()
    {
        using (var grey = Scratch.Rent(Width, Height))
        {
            grey.Y.Fill(128);
            grey.U.Fill(128);
            grey.V.Fill(128);
            Make(grey, Prompt.None).Dispose();
        }
        if (_model.Narrow is not null)
            Run(singleThreaded: true);
        Reset();
    }

    private protected override VideoFrame Make(VideoFrame input, Prompt prompt)
    {
        if (!ReferenceEquals(prompt.Values, _values))
            Set(_values = prompt.Values);
        using var picture = Fit(input);
        var crowded = _model.StepBegins();
        try
        {
            var helped = _model.Threads > 1 && !crowded;
            var moved = Motion is not null && Motion.Push(picture, helped);
            Run(!helped, picture, _style is null ? [] : _style.At(prompt, input.Ticket.Captured), moved, helped);
            var output = _outputs.Rent(Width, Height);
            output.Colour = input.Colour;
            Store(picture, output, helped);
            // After the step: the memory holds the picture without adjustments.
            _adjuster.Apply(output, prompt, input.Ticket.Captured);
            return output;
        }
        finally
        {
            _model.StepEnded();
        }
    }

    public override void Reset()
    {
        Forget();
        _style?.Reset();
        _adjuster.Reset();
        Motion?.Reset();
    }

    public override ModelState Capture()
    {
        var style = _style?.Snapshot() ?? [];
        var adjusted = _adjuster.Snapshot();
        var bytes = new byte[style.Length + MotionLength + MemoryLength + adjusted.Length];
        style.CopyTo(bytes, 0);
        Motion?.Snapshot(bytes.AsSpan(style.Length));
        Save(bytes.AsSpan(style.Length + MotionLength, MemoryLength));
        adjusted.CopyTo(bytes, bytes.Length - adjusted.Length);
        return new ModelState(_model.Info.Id, _model.Info.Version, Width, Height, bytes);
    }

    public override void Restore(ModelState state)
    {
        var style = _style?.SnapshotLength ?? 0;
        var adjusted = state.Bytes.Length - style - MotionLength - MemoryLength;
        if (state.ModelId != _model.Info.Id || state.ModelVersion != _model.Info.Version || (state.Width, state.Height) != (Width, Height)
            || (adjusted != 0 && adjusted != _adjuster.SnapshotLength))
            throw new ArgumentException($"The memory is of {state.ModelId} {state.ModelVersion} at {state.Width}x{state.Height}, not of " +
                $"{_model.Info.Id} {_model.Info.Version} at {Width}x{Height}.");
        _style?.Restore(state.Bytes.Span[..style]);
        Motion?.Restore(state.Bytes.Span[style..]);
        Recall(state.Bytes.Span.Slice(style + MotionLength, MemoryLength));
        _adjuster.Restore(state.Bytes.Span[^adjusted..], _style?.HasBegun ?? true);
    }

    public override void Dispose()
    {
        _deadline.Dispose();
        foreach (var tensor in _owned)
            tensor.Dispose();
        _run.Dispose();
    }

    private int MotionLength => Motion?.SnapshotLength ?? 0;

    protected TensorBuffer Own(TensorElementType type, long[] shape)
    {
        var tensor = new TensorBuffer(type, shape);
        _owned.Add(tensor);
        Claim(tensor.Bytes.Length);
        return tensor;
    }

    /// <summary>Counts memory that this session is about to allocate.</summary>
    /// <exception cref="NotSupportedException">The total is more than a session may have.</exception>
    protected void Claim(long bytes)
    {
        if ((Claimed += bytes) > MaxBytes)
            throw new NotSupportedException($"A session needs more than {MaxBytes >> 20} MB of memory at {Width}x{Height}.");
    }

    // Without a picture, runs on the current content of the tensors.
    private void Run(
        bool singleThreaded, VideoFrame? picture = null, ReadOnlySpan<float> style = default, bool moved = false, bool helped = false)
    {
        _deadline.Change(_limit, Timeout.InfiniteTimeSpan);
        try
        {
            if (picture is not null)
                Load(picture, style, moved, helped, _run);
            Compute(singleThreaded, _run);
        }
        catch (Exception e) when (e is OnnxRuntimeException or OperationCanceledException)
        {
            // The memory still belongs to an earlier picture, so motion relative to the failed one must not move it.
            Motion?.Reset();
            throw Failed(e);
        }
        finally
        {
            EndBound();
        }
    }

    /// <summary>
    /// Calls the runtime outside a step, with the time limit of a step. Exceptions of the runtime pass through; a call that takes too long
    /// counts as a failed step.
    /// </summary>
    protected void Bounded(Action<RunOptions> call)
    {
        _deadline.Change(_limit, Timeout.InfiniteTimeSpan);
        try
        {
            call(_run);
        }
        catch (OnnxRuntimeException e) when (_run.Terminate)
        {
            throw Failed(e);
        }
        finally
        {
            EndBound();
        }
    }

    private void EndBound()
    {
        _deadline.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _run.Terminate = false;
    }

    private ModelStepException Failed(Exception e)
    {
        var what = $"{_model.Info.Id} failed at {Width}x{Height}";
        return _run.Terminate
            ? new ModelStepException($"{what}: a step took more than {_limit.TotalSeconds:0} s", new TimeoutException(e.Message, e))
            : e is OnnxRuntimeException runtime
                ? GraphRuntime.Failed(what, runtime)
                : new ModelStepException($"{what}: {e.Message.ReplaceLineEndings(" ")}", e);
    }
}
