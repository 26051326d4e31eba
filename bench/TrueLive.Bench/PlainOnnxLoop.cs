using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Models.Manifest;
using TrueLive.Models.Onnx;

namespace TrueLive.Bench;

/// <summary>
/// The same model, called as its documentation shows: default session options, a new tensor for every call, the state passed from one
/// result to the next call. <c>bench/clips/run</c> compares with it.
/// </summary>
internal sealed class PlainOnnxLoop : IDisposable
{
    private readonly InferenceSession _session;
    private readonly ModelManifest _manifest;
    private readonly int _width;
    private readonly int _height;
    private readonly float[] _style;
    private Dictionary<string, DenseTensor<float>> _states;

    /// <param name="model">Model whose file is loaded a second time; its input and output must be planar RGB floats.</param>
    /// <param name="width">Picture width.</param>
    /// <param name="height">Picture height.</param>
    /// <param name="prompt">Prompt of all frames.</param>
    public PlainOnnxLoop(OnnxVideoModel model, int width, int height, string prompt)
    {
        (_manifest, _width, _height) = (model.Manifest, width, height);
        _session = new InferenceSession(Path.Combine(_manifest.Folder, _manifest.File));
        var reading = model.Read(prompt);
        _style = reading.Style.IsDefaultOrEmpty ? new float[_manifest.Style?.Length ?? 0] : [.. reading.Style];
        _states = _manifest.States.ToDictionary(s => s.Input,
            s => new DenseTensor<float>(s.Shape is { } shape ? [.. shape] : [1, s.Channels, height / s.Divide, width / s.Divide]));
    }

    /// <summary>Turns one picture of packed 8-bit RGB into another, in place.</summary>
    public void Step(byte[] rgb)
    {
        var pixels = _width * _height;
        var input = new DenseTensor<float>([1, 3, _height, _width]);
        var to = input.Buffer.Span;
        for (var i = 0; i < pixels; i++)
        {
            to[i] = rgb[3 * i] / 255f;
            to[pixels + i] = rgb[3 * i + 1] / 255f;
            to[2 * pixels + i] = rgb[3 * i + 2] / 255f;
        }
        var inputs = new List<NamedOnnxValue> { NamedOnnxValue.CreateFromTensor(_manifest.Frame!.Input, input) };
        if (_manifest.Style is { } style)
            inputs.Add(NamedOnnxValue.CreateFromTensor(style.Input, new DenseTensor<float>(_style, [1, style.Length])));
        inputs.AddRange(_states.Select(s => NamedOnnxValue.CreateFromTensor(s.Key, s.Value)));
        using var results = _session.Run(inputs);
        var output = (DenseTensor<float>)results.Single(r => r.Name == _manifest.Output!.Name).AsTensor<float>();
        var from = output.Buffer.Span;
        for (var i = 0; i < pixels; i++)
        {
            rgb[3 * i] = Byte(from[i]);
            rgb[3 * i + 1] = Byte(from[pixels + i]);
            rgb[3 * i + 2] = Byte(from[2 * pixels + i]);
        }
        _states = _manifest.States.ToDictionary(s => s.Input,
            s => results.Single(r => r.Name == s.Output).AsTensor<float>().ToDenseTensor());
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private static byte Byte(float value) => (byte)Math.Clamp(value * 255f + 0.5f, 0, 255);
}
