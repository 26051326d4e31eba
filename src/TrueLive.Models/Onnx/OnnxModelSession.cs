using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Onnx;

/// <summary>
/// One stream's memory of a model whose graph does everything. All tensors are bound once; the state is double-buffered and swapped after
/// each successful step, so nothing is copied and a failed step leaves the memory unchanged. States that follow motion go through a third
/// buffer, but only for steps whose picture moved.
/// </summary>
internal sealed class OnnxModelSession : OnnxSession
{
    private readonly TensorBuffer[][] _states;
    private readonly TensorBuffer[] _results;
    private readonly Runtime _multiThreaded;
    private readonly Runtime? _singleThreaded;
    private readonly TensorBuffer?[] _carried;
    private readonly PictureTensor _input;
    private readonly PictureTensor[]? _images;
    private readonly MaskComposite[]? _masks;
    private readonly TensorBuffer? _style;
    private readonly (ExtraInput Spec, TensorBuffer Tensor)[] _extras;
    private readonly ReferenceInput[] _references;

    // An output that is not a picture and may change its size with each step: the runtime allocates it.
    private readonly string? _free;
    private int _side;
    private bool _moved;

    public OnnxModelSession(OnnxVideoModel model, InferenceSession session, InferenceSession? singleThreaded, FramePool outputs, int width,
        int height, TimeProvider time, bool trial = false)
        : base(model, outputs, width, height, time, trial)
    {
        var m = model.Manifest;
        var frame = Own(TensorBuffer.ElementOf(m.Frame!.Type), TensorShapes.Picture(m.Frame, m.Frame.Channels, width, height));
        _input = new PictureTensor(m.Frame, frame, width, height, m.Frame.Channels);
        if (m.Style is { } style)
        {
            var meta = session.InputMetadata[style.Input];
            _style = Own(meta.ElementDataType, Filled(meta.Dimensions, style.Length));
        }
        _extras = [.. m.Inputs.Select(e =>
            (e, Own(session.InputMetadata[e.Name].ElementDataType, Filled(session.InputMetadata[e.Name].Dimensions, 1))))];
        _references = [.. m.Pictures.Select(p => new ReferenceInput(p,
            Own(TensorBuffer.ElementOf(p.Type), TensorShapes.Picture(p, 3, p.Width, p.Height))))];
        Set(ParameterValues.None);

        // The output picture may itself be a state: the result of each side is then the state that the other side reads.
        var output = m.Output!;
        var alias = Array.FindIndex(m.States, s => s.Output == output.Name);
        var (states, shape) = TensorShapes.Of(m, session, width, height, Attempt);
        _states = [States(states), States(states)];
        _free = alias < 0 && shape is null ? output.Name : null;
        if (alias >= 0)
            _results = [_states[1][alias], _states[0][alias]];
        else
            _results = [Own(session.OutputMetadata[output.Name].ElementDataType, shape ?? [0]), null!];
        _results[1] ??= _results[0];
        if (output.Role == OutputRole.Image)
            _images = [.. _results.Select(r => new PictureTensor(output, r, width, height, 3))];
        else if (output.Role == OutputRole.Mask)
            _masks = [.. _results.Select(r => new MaskComposite(output, r, shape!, width, height))];

        _carried = [.. m.States.Select((s, i) => s.FollowsMotion ? Own(TensorElementType.Float, [1, s.Channels, height, width]) : null)];
        _multiThreaded = new Runtime([Bind(session, 0, []), Bind(session, 1, [])], Carried(session));
        _singleThreaded = singleThreaded is not null
            ? new Runtime([Bind(singleThreaded, 0, []), Bind(singleThreaded, 1, [])], Carried(singleThreaded))
            : null;

        TensorBuffer[] States(long[][] shapes) =>
            [.. m.States.Zip(shapes, (s, sides) => Own(session.InputMetadata[s.Input].ElementDataType, sides))];

        BoundCall[] Carried(InferenceSession on) => Motion is null ? [] : [Bind(on, 0, _carried), Bind(on, 1, _carried)];

        BoundCall Bind(InferenceSession on, int side, TensorBuffer?[] instead)
        {
            var call = BindInputs(on);
            if (_free is null)
                call.Output(output.Name, _results[side]);
            for (var i = 0; i < m.States.Length; i++)
            {
                call.Input(m.States[i].Input, instead.ElementAtOrDefault(i) ?? _states[side][i]);
                if (i != alias)
                    call.Output(m.States[i].Output, _states[1 - side][i]);
            }
            return call;
        }

        BoundCall BindInputs(InferenceSession on)
        {
            var call = new BoundCall(on);
            call.Input(m.Frame.Input, frame);
            if (_style is not null)
                call.Input(m.Style!.Input, _style);
            foreach (var (extra, tensor) in _extras)
                call.Input(extra.Name, tensor);
            foreach (var reference in _references)
                call.Input(reference.Name, reference.Tensor);
            return call;
        }

        long[][] Attempt(long[][] shapes)
        {
            var empty = new List<TensorBuffer>();
            try
            {
                using var call = BindInputs(session);
                foreach (var (state, sides) in m.States.Zip(shapes))
                {
                    empty.Add(new TensorBuffer(session.InputMetadata[state.Input].ElementDataType, sides));
                    call.Input(state.Input, empty[^1]);
                    call.OutputOfAnySize(state.Output);
                }
                if (alias < 0)
                    call.OutputOfAnySize(output.Name);
                Bounded(call.Run);
                using var made = call.Binding.GetOutputValues();
                var found = made.Select(v => v.GetTensorTypeAndShape().Shape).ToArray();
                return alias < 0 ? found : [.. found, found[alias]];
            }
            finally
            {
                foreach (var tensor in empty)
                    tensor.Dispose();
            }
        }
    }

    public override TensorBuffer Result => _results[1 - _side];

    /// <summary>The memory that the next step reads.</summary>
    public IReadOnlyList<TensorBuffer> State => _states[_side];

    protected override int MemoryLength => _states[_side].Sum(t => t.Bytes.Length);

    protected override void Load(VideoFrame picture, ReadOnlySpan<float> style, bool moved, bool helped, RunOptions run)
    {
        _input.Load(picture);
        _style?.Write(style);
        _moved = moved;
        for (var i = 0; moved && i < _carried.Length; i++)
        {
            if (_carried[i] is { } state)
                Motion!.Carry(_states[_side][i].Floats, state.Floats);
        }
    }

    protected override void Compute(bool singleThreaded, RunOptions run)
    {
        var runtime = singleThreaded && _singleThreaded is not null ? _singleThreaded : _multiThreaded;
        var call = (_moved ? runtime.Carried : runtime.Plain)[_side];
        // A tensor left bound by the last step would have to have the right size for this one.
        if (_free is not null)
            call.OutputOfAnySize(_free);
        call.Run(run);
    }

    protected override void Store(VideoFrame picture, VideoFrame output, bool helped)
    {
        _side = 1 - _side;
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
    }

    protected override void Forget()
    {
        _moved = false;
        foreach (var tensor in _states[_side])
            tensor.Bytes.Clear();
    }

    protected override void Set(ParameterValues values)
    {
        foreach (var (spec, tensor) in _extras)
        {
            var filled = new float[tensor.Count];
            Array.Fill(filled, (float)values.Number(spec.Name, spec.Value));
            tensor.Write(filled);
        }
        foreach (var reference in _references)
            reference.Show(values.Picture(reference.Name));
    }

    protected override void Save(Span<byte> into)
    {
        foreach (var tensor in _states[_side])
        {
            tensor.Bytes.CopyTo(into);
            into = into[tensor.Bytes.Length..];
        }
    }

    protected override void Recall(ReadOnlySpan<byte> from)
    {
        foreach (var tensor in _states[_side])
        {
            from[..tensor.Bytes.Length].CopyTo(tensor.Bytes);
            from = from[tensor.Bytes.Length..];
        }
    }

    public override void Dispose()
    {
        foreach (var runtime in new[] { _multiThreaded, _singleThreaded }.OfType<Runtime>())
        {
            foreach (var call in runtime.Plain.Concat(runtime.Carried))
                call.Dispose();
        }
        base.Dispose();
    }

    // Free dimensions are 1, except the last one, which takes the rest of the length.
    private static long[] Filled(int[] dimensions, int length)
    {
        var shape = dimensions.Select(d => (long)Math.Max(1, d)).ToArray();
        if (Array.FindLastIndex(dimensions, d => d < 1) is >= 0 and var free)
            shape[free] = Math.Max(1, length / shape.Aggregate(1L, (a, b) => a * b));
        return shape;
    }

    // The calls of one runtime session for each side, without and with states that were moved with the picture.
    private sealed record Runtime(BoundCall[] Plain, BoundCall[] Carried);
}
