using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Core.Frames;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Onnx;

/// <summary>
/// One stream's memory of a network whose graph does everything. All tensors are bound once; the state is held twice and the two sides
/// change places after each step that succeeded, so a failed step leaves the memory as it was and nothing is copied. States that follow
/// motion go through a third buffer, and only for steps whose picture moved.
/// </summary>
internal sealed class OnnxModelSession : OnnxSession
{
    private readonly InferenceSession _session;
    private readonly TensorBuffer[][] _states;
    private readonly TensorBuffer[] _results;
    private readonly Runtime _wide;
    private readonly Runtime? _narrow;
    private readonly TensorBuffer?[] _carried;
    private readonly PictureTensor _input;
    private readonly PictureTensor[]? _images;
    private readonly MaskComposite[]? _masks;
    private readonly TensorBuffer? _style;
    private int _side;
    private bool _moved;

    public OnnxModelSession(OnnxVideoModel model, InferenceSession session, InferenceSession? narrow, FramePool outputs, int width, int height, TimeProvider time)
        : base(model, outputs, width, height, time)
    {
        _session = session;
        var m = model.Manifest;
        var frame = Own(ElementOf(m.Frame!.Type), PictureShape(m.Frame, m.Frame.Channels));
        _input = new PictureTensor(m.Frame, frame, width, height, m.Frame.Channels);
        _states = [States(m), States(m)];
        if (m.Style is { } style)
        {
            var meta = session.InputMetadata[style.Input];
            _style = Own(meta.ElementDataType, Filled(meta.Dimensions, style.Length));
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

        _carried = [.. m.States.Select((s, i) => s.FollowsMotion ? Own(TensorElementType.Float, [1, s.Channels, height, width]) : null)];
        _wide = new Runtime(session, [Bind(session, 0, []), Bind(session, 1, [])], Carried(session));
        _narrow = narrow is not null ? new Runtime(narrow, [Bind(narrow, 0, []), Bind(narrow, 1, [])], Carried(narrow)) : null;

        OrtIoBinding[] Carried(InferenceSession on) => Motion is null ? [] : [Bind(on, 0, _carried), Bind(on, 1, _carried)];

        OrtIoBinding Bind(InferenceSession on, int side, TensorBuffer?[] instead)
        {
            var binding = on.CreateIoBinding();
            binding.BindInput(m.Frame.Input, frame.Value);
            binding.BindOutput(output.Name, _results[side].Value);
            if (_style is not null)
                binding.BindInput(m.Style!.Input, _style.Value);
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

    protected override void Compute(bool narrow, RunOptions run)
    {
        var runtime = narrow && _narrow is not null ? _narrow : _wide;
        runtime.Session.RunWithBinding(run, (_moved ? runtime.Carried : runtime.Plain)[_side]);
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
        foreach (var runtime in new[] { _wide, _narrow }.OfType<Runtime>())
        {
            foreach (var binding in runtime.Plain.Concat(runtime.Carried))
                binding.Dispose();
        }
        base.Dispose();
    }

    internal static TensorElementType ElementOf(TensorType type) =>
        type switch { TensorType.Float32 => TensorElementType.Float, TensorType.Float16 => TensorElementType.Float16, _ => TensorElementType.UInt8 };

    private TensorBuffer[] States(ModelManifest m) =>
        [.. m.States.Select(s => Own(_session.InputMetadata[s.Input].ElementDataType, s.Shape is { } shape ? [.. shape.Select(d => (long)d)]
            : m.Frame!.Layout == TensorLayout.Nchw ? [1, s.Channels, Height / s.Divide, Width / s.Divide] : [1, Height / s.Divide, Width / s.Divide, s.Channels]))];

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
