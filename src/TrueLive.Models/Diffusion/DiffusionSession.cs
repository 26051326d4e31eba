using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Devices;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;
using TrueLive.Models.Prompts;

namespace TrueLive.Models.Diffusion;

/// <summary>
/// One stream through a pipeline: encode, denoise at all steps, decode, within one call; or, for throughput, a row of the stream batch a
/// call. A prompt's strength moves the steps: at 1 they are the manifest's, at 0 there is nothing to denoise and the picture is kept.
/// </summary>
internal sealed partial class DiffusionSession : FolderModelSession
{
    // Far longer than any useful step, even on a processor; only a graph that never ends reaches it.
    private static readonly TimeSpan MaxStep = TimeSpan.FromMinutes(2);

    private readonly DiffusionModel _model;
    private readonly FramePool _outputs;
    private RunOptions _run = GraphRuntime.Record(new RunOptions(), null);
    private readonly ITimer _deadline;
    private readonly List<IDisposable> _owned = [];
    private readonly PictureTensor _picture;
    private readonly PictureTensor _result;
    private readonly TensorBuffer _encoded;
    private readonly TensorBuffer _latent;
    private readonly BoundCall _encode;
    private readonly UNetCall _unet;
    private readonly BoundCall _decode;
    private readonly StyleTransition _words;
    private readonly float[] _numbers;
    private readonly float[] _noise;
    private readonly float[] _stockBefore;
    private readonly float[] _wordsNow;
    private readonly Predict<float> _predict;
    private Prompt? _prompt;
    private Prompt _full = Prompt.None;
    private readonly SimilarityFilter? _similar;
    private (float Strength, ParameterValues Values, ScheduleRow[] Rows, DenoisingWalk<float>? Walk) _plan = (float.NaN,
        ParameterValues.None, [], null);
    private float _similarity = 1;
    private ulong _seed;
    private bool _repeated;

    public DiffusionSession(DiffusionModel model, FramePool outputs, int width, int height, TimeProvider time)
    {
        (_model, _outputs, Width, Height) = (model, outputs, width, height);
        _deadline = time.CreateTimer(_ => _run.Terminate = true, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        var g = model.Graphs;
        _words = new StyleTransition(model.NoText, reading => reading.Style);
        var picture = Own(g.Encoder, "sample", [1, 3, height, width]);
        _encode = Bind(g.Encoder, ("sample", picture));
        try
        {
            _encoded = OutputOf(g.Encoder, g.EncoderOutput, picture);
        }
        catch (OnnxRuntimeException e)
        {
            Dispose();
            throw Failed(e);
        }
        var planes = (Channels: (long)g.Channels, Height: height / 8L, Width: width / 8L);
        long[] latent = [1, planes.Channels, planes.Height, planes.Width];
        var length = (int)(planes.Channels * planes.Height * planes.Width);
        if (_encoded.Count != (g.EncoderOutput == "latent_sample" ? length : 2 * length))
            throw new NotSupportedException($"the encoder makes {_encoded.Count} numbers of a picture of {width}x{height}; an eighth of " +
                $"each side and {g.Channels} planes are expected");
        _encode.Output(g.EncoderOutput, _encoded);
        var spec = model.Manifest.Diffusion!;
        _noise = new float[spec.Steps.Length * length];
        GaussianNoise.Fill(_noise, _seed = spec.Seed);
        _batch = spec.Lag == 0 ? null : new StreamBatch<float>(spec.Steps.Length, model.Schedule.Prediction, spec, _noise);
        _unet = Keep(new UNetCall(g, _batch?.Size ?? 1, height, width));
        _unet.Guide(spec.GuidanceScale);
        _latent = Own(g.Decoder, "latent_sample", latent);
        var made = Keep(new TensorBuffer(g.Decoder.OutputMetadata["sample"].ElementDataType, [1, 3, height, width]));
        _decode = Bind(g.Decoder, ("latent_sample", _latent));
        _decode.Output("sample", made);
        Result = made;
        _picture = new PictureTensor(Spec(picture, spec.Picture), picture, width, height, 3);
        _result = new PictureTensor(Spec(made, spec.Picture), made, width, height, 3);
        (_numbers, _stockBefore, _wordsNow, _predict) = (new float[_encoded.Count], new float[length],
            new float[model.NoText.Length], Predict);
        if (_batch is null)
            _similar = new SimilarityFilter(width, height, model.NoText.Length, outputs);
        else
        {
            _inWork = [.. spec.Steps.Select(_ => new FrameInWork(new float[model.NoText.Length], AllRows(1)))];
            (_moved, _schedules, _predictAll) = (new FrameInWork[_inWork.Length], new ScheduleRow[_inWork.Length][], PredictAll);
        }
    }

    public override int Width { get; }

    public override int Height { get; }

    public override TensorBuffer Result { get; }

    /// <summary>Why a part is not replayed as a CUDA graph, where it was to be.</summary>
    public string? NotCaptured =>
        _encode.Refused is { } encode ? $"vae_encoder: {encode}"
        : _unet.NotCaptured is { } unet ? $"unet: {unet}"
        : _decode.Refused is { } decode ? $"vae_decoder: {decode}"
        : null;

    /// <summary>One step on a grey picture sizes the runtime's buffers.</summary>
    /// <param name="shrink">Whether a step before it gives back what larger sizes needed.</param>
    public void WarmUp(bool shrink)
    {
        if (shrink)
            WarmUpShrinking();
        using (var grey = Scratch.Rent(Width, Height))
        {
            grey.Y.Fill(128);
            grey.U.Fill(128);
            grey.V.Fill(128);
            if (_batch is null)
                Make(grey, Prompt.None).Dispose();
            else
                Advance(grey, Prompt.None)?.Frame.Dispose();
        }
        Reset();
    }

    private void WarmUpShrinking()
    {
        var usual = _run;
        using var shrinking = GraphRuntime.Shrink(GraphRuntime.Record(new RunOptions(), null));
        _run = shrinking;
        try
        {
            WarmUp(shrink: false);
        }
        catch (ModelStepException) when (GraphDevice.Current.Gpu is not null)
        {
            // A runtime that cannot shrink the arena of a GPU refuses the run; the memory is then kept.
        }
        finally
        {
            _run = usual;
        }
    }

    private protected override VideoFrame Make(VideoFrame input, Prompt prompt)
    {
        var picture = Fit(input);
        if (!ReferenceEquals(prompt, _prompt))
            (_prompt, _full) = (prompt, prompt with { Strength = 1 });
        var words = _words.At(_full, input.Ticket.Captured);
        Plan(prompt.Strength, prompt.Values);
        if (_plan.Walk is not { } walk)
        {
            picture.Colour = input.Colour;
            return picture;
        }
        using (picture)
        {
            if (_similar!.Repeat(picture, input.Ticket.SourceSequence, _similarity, _seed, prompt.Revision, words) is { } shown)
            {
                _repeated = true;
                return shown;
            }
            Denoise(picture, words, walk);
            var output = _outputs.Rent(Width, Height);
            output.Colour = input.Colour;
            _result.Store(output);
            if (_similarity < 1)
                _similar.Keep(output, prompt.Revision, words);
            return output;
        }
    }

    public override void Reset()
    {
        _words.Reset();
        _prompt = null;
        _plan.Walk?.Stock.AsSpan().Clear();
        _similar?.Forget();
        if (_batch is not null)
            ForgetInWork();
    }

    public override void Dispose()
    {
        _model.Closed(this);
        _deadline.Dispose();
        _similar?.Dispose();
        foreach (var one in _owned)
            one.Dispose();
        _run.Dispose();
    }

    private void Denoise(VideoFrame picture, ReadOnlySpan<float> words, DenoisingWalk<float> walk)
    {
        walk.Stock.CopyTo(_stockBefore, 0);
        words.CopyTo(_wordsNow);
        var done = false;
        _deadline.Change(MaxStep, Timeout.InfiniteTimeSpan);
        try
        {
            var latent = Encode(picture);
            walk.Run(latent, _predict);
            Decode(latent);
            done = true;
        }
        catch (OnnxRuntimeException e)
        {
            throw Failed(e);
        }
        finally
        {
            _deadline.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _run.Terminate = false;
            if (!done)
                _stockBefore.CopyTo(walk.Stock, 0);
        }
    }

    private Span<float> Encode(VideoFrame picture)
    {
        _picture.Load(picture);
        _encode.Run(_run);
        _encoded.Read(_numbers.AsSpan(0, _encoded.Count));
        var latent = _numbers.AsSpan(0, _latent.Count);
        TensorPrimitives.Multiply(latent, _model.Graphs.Scale, latent);
        return latent;
    }

    private void Decode(Span<float> latent)
    {
        Require(TensorPrimitives.IsFiniteAll<float>(latent), "UNet");
        TensorPrimitives.Divide(latent, _model.Graphs.Scale, latent);
        _latent.Write(latent);
        _decode.Run(_run);
        // The autoencoder of SDXL overflows in half precision where its UNet does not.
        Require(Result.IsFinite(), "VAE decoder");

        void Require(bool finite, string part)
        {
            if (!finite)
                throw new ModelStepException($"The {part} of {_model.Info.Id} made numbers that are not finite at {Width}x{Height}: half " +
                    "floats overflowed, or the weights are broken. Export it in single precision.");
        }
    }

    private ModelStepException Failed(OnnxRuntimeException e)
    {
        var what = $"{_model.Info.Id} failed at {Width}x{Height}";
        return _run.Terminate
            ? new ModelStepException($"{what}: a step took more than {MaxStep.TotalSeconds:0} s", e)
            : GraphRuntime.Failed(what, e);
    }

    private void Predict(int row, ReadOnlySpan<float> noisy, bool prompted, Span<float> prediction)
    {
        _unet.Run(_run, noisy, [_plan.Rows[row].Timestep], prompted ? _wordsNow : _model.NoText, prediction);
    }

    // Steps that strength moves to the end of the grid have nothing left to do.
    private void Plan(float strength, ParameterValues values)
    {
        if (strength == _plan.Strength && values.Equals(_plan.Values))
            return;
        var spec = _model.Manifest.Diffusion!.With(values);
        if (spec.Seed != _seed)
            GaussianNoise.Fill(_noise, _seed = spec.Seed);
        _unet.Guide(spec.GuidanceScale);
        var steps = spec.Steps.Select(k => DiffusionSpec.Grid - (int)MathF.Round((DiffusionSpec.Grid - k) * Math.Clamp(strength, 0, 1)))
            .Where(k => k < DiffusionSpec.Grid).Distinct().ToArray();
        ScheduleRow[] rows = [.. steps.Select(_model.Schedule.At)];
        _similarity = spec.Similarity;
        _plan = (strength, values, rows, rows.Length == 0
            ? null
            : new DenoisingWalk<float>(rows, _model.Schedule.Prediction, spec, _noise.AsMemory(0, rows.Length * _latent.Count)));
    }

    private TensorBuffer Own(InferenceSession graph, string input, long[] shape) =>
        Keep(new TensorBuffer(graph.InputMetadata[input].ElementDataType, shape));

    private T Keep<T>(T one)
        where T : IDisposable
    {
        _owned.Add(one);
        return one;
    }

    private BoundCall Bind(InferenceSession graph, params (string Name, TensorBuffer Tensor)[] inputs)
    {
        var call = Keep(_model.Graphs.Call(graph));
        foreach (var (name, tensor) in inputs)
            call.Input(name, tensor);
        return call;
    }

    // No graph declares how much smaller a latent is than the picture: one run shows it.
    private TensorBuffer OutputOf(InferenceSession graph, string output, TensorBuffer picture)
    {
        using var turn = GraphDevice.Turn();
        using var results = graph.Run(_run, ["sample"], [picture.Value], [output]);
        var made = results[0].GetTensorTypeAndShape();
        return Keep(new TensorBuffer(made.ElementDataType, made.Shape));
    }

    private static FrameSpec Spec(TensorBuffer tensor, float[] range) =>
        new()
        {
            Range = range,
            Type = tensor.Type == Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float16
            ? TensorType.Float16
            : TensorType.Float32
        };
}
