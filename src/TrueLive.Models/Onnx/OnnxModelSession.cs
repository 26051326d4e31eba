using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Manifest;
using TrueLive.Models.Motion;

namespace TrueLive.Models.Onnx;

/// <summary>
/// One stream's memory. All tensors are bound once; the state is held twice and the two sides change places after each step that
/// succeeded, so a failed step leaves the memory as it was and nothing is copied. States that follow motion go through a third
/// buffer, and only for steps whose picture moved.
/// </summary>
internal sealed class OnnxModelSession : IModelSession
{
    // Far beyond any live step; only a graph that never ends comes here.
    private static readonly TimeSpan MaxStep = TimeSpan.FromSeconds(30);

    private const long MaxBytes = 1L << 30;

    private readonly OnnxVideoModel _model;
    private readonly InferenceSession _session;
    private readonly FramePool _outputs;
    private readonly FramePool _scratch = new("model input", 1);
    private readonly RunOptions _run = new();
    private readonly ITimer _deadline;
    private readonly List<TensorBuffer> _owned = [];
    private readonly TensorBuffer[][] _states;
    private readonly TensorBuffer[] _results;
    private readonly Runtime _wide;
    private readonly Runtime? _narrow;
    private readonly CarriedMemory? _carried;
    private readonly TensorBuffer?[] _carriedStates;
    private readonly PictureTensor _input;
    private readonly PictureTensor[]? _images;
    private readonly MaskComposite[]? _masks;
    private readonly StyleTransition? _style;
    private readonly TensorBuffer? _styleInput;
    private FrameScaler? _scaler;
    private int _side;

    public OnnxModelSession(OnnxVideoModel model, InferenceSession session, FramePool outputs, int width, int height, TimeProvider time)
    {
        (_model, _session, _outputs, Width, Height) = (model, session, outputs, width, height);
        _deadline = time.CreateTimer(_ => _run.Terminate = true, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        var m = model.Manifest;
        var frame = Own(ElementOf(m.Frame!.Type), PictureShape(m.Frame, m.Frame.Channels));
        _input = new PictureTensor(m.Frame, frame, width, height, m.Frame.Channels);
        _states = [States(m), States(m)];
        if (m.Style is { } style)
        {
            var meta = session.InputMetadata[style.Input];
            _styleInput = Own(meta.ElementDataType, Filled(meta.Dimensions, style.Length));
            _style = new StyleTransition(m.Looks.FirstOrDefault(l => l.Id == "identity")?.Style ?? new float[style.Length]);
        }
        var extras = m.Inputs.Select(e =>
        {
            var meta = session.InputMetadata[e.Name];
            var tensor = Own(meta.ElementDataType, Filled(meta.Dimensions, 1));
            var values = new float[tensor.Count];
            Array.Fill(values, e.Value);
            tensor.Write(values);
            return (e.Name, tensor);
        }).ToArray();

        // The shown picture may itself be the memory: the result of each side is then the state that the other side reads.
        var output = m.Output!;
        var shape = output.Role == OutputRole.Image ? PictureShape(output, 3) : ResultShape(output, session.OutputMetadata[output.Name].Dimensions);
        var alias = Array.FindIndex(m.States, s => s.Output == output.Name);
        if (alias >= 0)
            _results = [_states[1][alias], _states[0][alias]];
        else
            _results = [Own(session.OutputMetadata[output.Name].ElementDataType, shape), null!];
        _results[1] ??= _results[0];
        if (output.Role == OutputRole.Image)
            _images = [.. _results.Select(r => new PictureTensor(output, r, width, height, 3))];
        else if (output.Role == OutputRole.Mask)
            _masks = [.. _results.Select(r => new MaskComposite(output, r, shape, width, height))];

        _carriedStates = [.. m.States.Select((s, i) => s.FollowsMotion ? Own(TensorElementType.Float, [1, s.Channels, height, width]) : null)];
        if (_carriedStates.Any(s => s is not null))
            _carried = new CarriedMemory(width, height);
        _wide = new Runtime(session, [Bind(session, 0, []), Bind(session, 1, [])], Carried(session));
        _narrow = model.Narrow is { } narrow ? new Runtime(narrow, [Bind(narrow, 0, []), Bind(narrow, 1, [])], Carried(narrow)) : null;

        OrtIoBinding[] Carried(InferenceSession on) => _carried is null ? [] : [Bind(on, 0, _carriedStates), Bind(on, 1, _carriedStates)];

        OrtIoBinding Bind(InferenceSession on, int side, TensorBuffer?[] instead)
        {
            var binding = on.CreateIoBinding();
            binding.BindInput(m.Frame.Input, frame.Value);
            binding.BindOutput(output.Name, _results[side].Value);
            if (_styleInput is not null)
                binding.BindInput(m.Style!.Input, _styleInput.Value);
            foreach (var (name, tensor) in extras)
                binding.BindInput(name, tensor.Value);
            for (var i = 0; i < m.States.Length; i++)
            {
                binding.BindInput(m.States[i].Input, (instead.ElementAtOrDefault(i) ?? _states[side][i]).Value);
                if (i != alias)
                    binding.BindOutput(m.States[i].Output, _states[1 - side][i].Value);
            }
            return binding;
        }
    }

    public int Width { get; }

    public int Height { get; }

    /// <summary>What the last step put out, before it became a picture; overwritten by the next step but one.</summary>
    public TensorBuffer Result => _results[1 - _side];

    /// <summary>The memory that the next step reads.</summary>
    public IReadOnlyList<TensorBuffer> State => _states[_side];

    /// <summary>One step on a grey picture with each number of threads sizes the runtime's buffers; the memory they left is thrown away.</summary>
    public void WarmUp()
    {
        using (var grey = _scratch.Rent(Width, Height))
        {
            grey.Y.Fill(128);
            grey.U.Fill(128);
            grey.V.Fill(128);
            Step(grey, Prompt.None).Dispose();
        }
        if (_narrow is { } narrow)
            Run(narrow, carried: false);
        Reset();
    }

    public VideoFrame Step(VideoFrame input, Prompt prompt)
    {
        VideoFrame? scaled = null;
        try
        {
            var picture = input;
            if (input.Width != Width || input.Height != Height)
            {
                if (_scaler is null || _scaler.FromWidth != input.Width || _scaler.FromHeight != input.Height)
                    _scaler = new FrameScaler(input.Width, input.Height, Width, Height);
                picture = scaled = _scratch.Rent(Width, Height);
                _scaler.Scale(input, scaled);
            }
            _input.Load(picture);
            if (_style is not null)
                _styleInput!.Write(_style.At(prompt, input.Time.Captured));
            var carried = Carry(picture);
            var crowded = _model.StepBegins();
            try
            {
                Run(crowded && _narrow is { } narrow ? narrow : _wide, carried);
            }
            finally
            {
                _model.StepEnded();
            }
            _side = 1 - _side;
            var output = _outputs.Rent(Width, Height);
            output.Colour = input.Colour;
            output.Time = input.Time;
            if (_images is not null)
            {
                _images[1 - _side].Store(output);
            }
            else if (_masks is not null)
            {
                _masks[1 - _side].Apply(picture, output);
            }
            else
            {
                picture.Y.CopyTo(output.Y);
                picture.U.CopyTo(output.U);
                picture.V.CopyTo(output.V);
            }
            return output;
        }
        finally
        {
            scaled?.Dispose();
        }
    }

    public void Reset()
    {
        foreach (var tensor in _states[_side])
            tensor.Bytes.Clear();
        _style?.Reset();
        _carried?.Reset();
    }

    public ModelState Capture()
    {
        var style = _style?.Snapshot() ?? [];
        var bytes = new byte[style.Length + CarriedLength + _states[_side].Sum(t => t.Bytes.Length)];
        style.CopyTo(bytes, 0);
        _carried?.Snapshot(bytes.AsSpan(style.Length));
        var at = style.Length + CarriedLength;
        foreach (var tensor in _states[_side])
        {
            tensor.Bytes.CopyTo(bytes.AsSpan(at));
            at += tensor.Bytes.Length;
        }
        return new ModelState(_model.Info.Id, _model.Info.Version, Width, Height, bytes);
    }

    public void Restore(ModelState state)
    {
        var style = _style?.SnapshotLength ?? 0;
        if (state.ModelId != _model.Info.Id || state.ModelVersion != _model.Info.Version || (state.Width, state.Height) != (Width, Height)
            || state.Bytes.Length != style + CarriedLength + _states[_side].Sum(t => t.Bytes.Length))
            throw new ArgumentException($"The memory is of {state.ModelId} {state.ModelVersion} at {state.Width}x{state.Height}, not of {_model.Info.Id} {_model.Info.Version} at {Width}x{Height}.");
        _style?.Restore(state.Bytes.Span[..style]);
        _carried?.Restore(state.Bytes.Span[style..]);
        var at = style + CarriedLength;
        foreach (var tensor in _states[_side])
        {
            state.Bytes.Span.Slice(at, tensor.Bytes.Length).CopyTo(tensor.Bytes);
            at += tensor.Bytes.Length;
        }
    }

    public void Dispose()
    {
        _deadline.Dispose();
        foreach (var runtime in new[] { _wide, _narrow }.OfType<Runtime>())
        {
            foreach (var binding in runtime.Plain.Concat(runtime.Carried))
                binding.Dispose();
        }
        foreach (var tensor in _owned)
            tensor.Dispose();
        _run.Dispose();
    }

    internal static TensorElementType ElementOf(TensorType type) =>
        type switch { TensorType.Float32 => TensorElementType.Float, TensorType.Float16 => TensorElementType.Float16, _ => TensorElementType.UInt8 };

    private int CarriedLength => _carried?.SnapshotLength ?? 0;

    // Moves the states that follow motion; false when the picture stands still and they are right as they are.
    private bool Carry(VideoFrame picture)
    {
        if (_carried is null || !_carried.Push(picture))
            return false;
        for (var i = 0; i < _carriedStates.Length; i++)
        {
            if (_carriedStates[i] is { } state)
                _carried.Carry(_states[_side][i].Floats, state.Floats);
        }
        return true;
    }

    private void Run(Runtime runtime, bool carried)
    {
        _deadline.Change(MaxStep, Timeout.InfiniteTimeSpan);
        try
        {
            runtime.Session.RunWithBinding(_run, (carried ? runtime.Carried : runtime.Plain)[_side]);
        }
        catch (OnnxRuntimeException e)
        {
            // The memory is still that of the picture before: it cannot be moved from the one that failed.
            _carried?.Reset();
            var why = _run.Terminate ? $"a step took more than {MaxStep.TotalSeconds:0} s" : e.Message.ReplaceLineEndings(" ");
            throw new ModelStepException($"{_model.Info.Id} failed at {Width}x{Height}: {why}", e);
        }
        finally
        {
            _deadline.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _run.Terminate = false;
        }
    }

    private TensorBuffer[] States(ModelManifest m) =>
        [.. m.States.Select(s => Own(_session.InputMetadata[s.Input].ElementDataType, s.Shape is { } shape ? [.. shape.Select(d => (long)d)]
            : m.Frame!.Layout == TensorLayout.Nchw ? [1, s.Channels, Height / s.Divide, Width / s.Divide] : [1, Height / s.Divide, Width / s.Divide, s.Channels]))];

    private TensorBuffer Own(TensorElementType type, long[] shape)
    {
        var tensor = new TensorBuffer(type, shape);
        _owned.Add(tensor);
        if (_owned.Sum(t => (long)t.Bytes.Length) > MaxBytes)
            throw new NotSupportedException($"Picture, states and inputs need more than {MaxBytes >> 20} MB at {Width}x{Height}.");
        return tensor;
    }

    private long[] PictureShape(PictureSpec spec, int channels) =>
        spec.Layout == TensorLayout.Nchw ? [1, channels, Height, Width] : [1, Height, Width, channels];

    // What the graph fixes (a mask at half size, say) is taken from the graph.
    private long[] ResultShape(OutputSpec output, int[] dimensions)
    {
        int h = (output.Layout == TensorLayout.Nchw ? 2 : 1) - (4 - dimensions.Length), w = h + 1;
        return [.. dimensions.Select((d, i) => d > 0 ? d : i == h ? Height : i == w ? Width : 1L)];
    }

    // Free sides are 1, but the last one takes what is left of the length.
    private static long[] Filled(int[] dimensions, int length)
    {
        var shape = dimensions.Select(d => (long)Math.Max(1, d)).ToArray();
        if (Array.FindLastIndex(dimensions, d => d < 1) is >= 0 and var free)
            shape[free] = Math.Max(1, length / shape.Aggregate(1L, (a, b) => a * b));
        return shape;
    }

    // All tensors bound to one runtime session, for each side, as they are and with states that were carried along.
    private sealed record Runtime(InferenceSession Session, OrtIoBinding[] Plain, OrtIoBinding[] Carried);
}
