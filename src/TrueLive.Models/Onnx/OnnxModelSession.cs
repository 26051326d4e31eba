using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Onnx;

/// <summary>
/// One stream's memory. All tensors are bound once; the state is held twice and the two sides change places after each step that
/// succeeded, so a failed step leaves the memory as it was and nothing is copied.
/// </summary>
internal sealed class OnnxModelSession : IModelSession
{
    private readonly OnnxVideoModel _model;
    private readonly InferenceSession _session;
    private readonly FramePool _outputs;
    private readonly FramePool _scratch = new("model input", 1);
    private readonly RunOptions _run = new();
    private readonly List<TensorBuffer> _owned = [];
    private readonly TensorBuffer[][] _states;
    private readonly OrtIoBinding[] _bindings;
    private readonly PictureTensor _input;
    private readonly PictureTensor? _image;
    private readonly MaskComposite? _mask;
    private readonly StyleTransition? _style;
    private readonly TensorBuffer? _styleInput;
    private FrameScaler? _scaler;
    private int _side;

    public OnnxModelSession(OnnxVideoModel model, InferenceSession session, FramePool outputs, int width, int height)
    {
        (_model, _session, _outputs, Width, Height) = (model, session, outputs, width, height);
        var m = model.Manifest;
        var frame = Own(TensorOf(m.Frame!.Type), PictureShape(m.Frame, width, height, m.Frame.Channels));
        _input = new PictureTensor(m.Frame, frame, width, height, m.Frame.Channels);
        _states = [States(m, width, height), States(m, width, height)];
        if (m.Style is { } style)
        {
            _styleInput = Own(session.InputMetadata[style.Input].ElementDataType, [1, style.Length]);
            _style = new StyleTransition(m.Looks.FirstOrDefault(l => l.Id == "identity")?.Style ?? new float[style.Length]);
        }
        var extras = m.Inputs.Select(e =>
        {
            var meta = session.InputMetadata[e.Name];
            var tensor = Own(meta.ElementDataType, [.. meta.Dimensions.Select(d => (long)Math.Max(1, d))]);
            var values = new float[tensor.Count];
            Array.Fill(values, e.Value);
            tensor.Write(values);
            return (e.Name, tensor);
        }).ToArray();

        // A result whose size the graph fixes (a mask at half size, say) is taken from the graph.
        var output = m.Output!;
        var meta = session.OutputMetadata[output.Name];
        long[] shape = output.Role == OutputRole.Image
            ? PictureShape(output, width, height, 3)
            : [.. meta.Dimensions.Select((d, i) => d > 0 ? (long)d : i == 0 ? 1 : i == (output.Layout == TensorLayout.Nchw ? 2 : 1) ? height : i == (output.Layout == TensorLayout.Nchw ? 3 : 2) ? width : 1)];
        var result = Own(meta.ElementDataType, shape);
        if (output.Role == OutputRole.Image)
            _image = new PictureTensor(output, result, width, height, 3);
        else if (output.Role == OutputRole.Mask)
            _mask = new MaskComposite(result, shape, output.Layout, width, height);

        _bindings = new OrtIoBinding[2];
        for (var side = 0; side < 2; side++)
        {
            var binding = _bindings[side] = session.CreateIoBinding();
            binding.BindInput(m.Frame.Input, frame.Value);
            binding.BindOutput(output.Name, result.Value);
            if (_styleInput is not null)
                binding.BindInput(m.Style!.Input, _styleInput.Value);
            foreach (var (name, tensor) in extras)
                binding.BindInput(name, tensor.Value);
            for (var i = 0; i < m.States.Length; i++)
            {
                binding.BindInput(m.States[i].Input, _states[side][i].Value);
                if (m.States[i].Output != output.Name)
                    binding.BindOutput(m.States[i].Output, _states[1 - side][i].Value);
            }
        }
        // One step on a grey picture sizes the runtime's arenas; the memory it left is thrown away.
        using (var grey = _scratch.Rent(width, height))
        {
            grey.Y.Fill(128);
            grey.U.Fill(128);
            grey.V.Fill(128);
            Step(grey, Prompt.None).Dispose();
        }
        Reset();
    }

    public int Width { get; }

    public int Height { get; }

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
            try
            {
                _session.RunWithBinding(_run, _bindings[_side]);
            }
            catch (OnnxRuntimeException e)
            {
                throw new ModelStepException($"{_model.Info.Id} failed at {Width}x{Height}: {e.Message.ReplaceLineEndings(" ")}", e);
            }
            _side = 1 - _side;
            var output = _outputs.Rent(Width, Height);
            output.Colour = input.Colour;
            output.Time = input.Time;
            if (_image is not null)
                _image.Store(output);
            else if (_mask is not null)
                _mask.Apply(picture, output);
            else
                picture.Y.CopyTo(output.Y);
            if (_image is null && _mask is null)
            {
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
    }

    public ModelState Capture()
    {
        var style = _style?.Snapshot() ?? [];
        var bytes = new byte[style.Length + _states[_side].Sum(t => t.Bytes.Length)];
        style.CopyTo(bytes, 0);
        var at = style.Length;
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
            || state.Bytes.Length != style + _states[_side].Sum(t => t.Bytes.Length))
            throw new ArgumentException($"The memory is of {state.ModelId} {state.ModelVersion} at {state.Width}x{state.Height}, not of {_model.Info.Id} {_model.Info.Version} at {Width}x{Height}.");
        _style?.Restore(state.Bytes.Span[..style]);
        var at = style;
        foreach (var tensor in _states[_side])
        {
            state.Bytes.Span.Slice(at, tensor.Bytes.Length).CopyTo(tensor.Bytes);
            at += tensor.Bytes.Length;
        }
    }

    public void Dispose()
    {
        foreach (var binding in _bindings)
            binding.Dispose();
        foreach (var tensor in _owned)
            tensor.Dispose();
        _run.Dispose();
    }

    private TensorBuffer[] States(ModelManifest m, int width, int height) =>
        [.. m.States.Select(s => Own(_session.InputMetadata[s.Input].ElementDataType, s.Shape is { } shape ? [.. shape.Select(d => (long)d)] : [1, s.Channels, height / s.Divide, width / s.Divide]))];

    private TensorBuffer Own(TensorElementType type, long[] shape)
    {
        var tensor = new TensorBuffer(type, shape);
        _owned.Add(tensor);
        return tensor;
    }

    private static TensorElementType TensorOf(TensorType type) =>
        type switch { TensorType.Float32 => TensorElementType.Float, TensorType.Float16 => TensorElementType.Float16, _ => TensorElementType.UInt8 };

    private static long[] PictureShape(PictureSpec spec, int width, int height, int channels) =>
        spec.Layout == TensorLayout.Nchw ? [1, channels, height, width] : [1, height, width, channels];
}
