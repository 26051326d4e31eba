using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Core.Frames;
using TrueLive.Models.Fused;
using TrueLive.Models.Graphs;
using TrueLive.Models.Motion;
using TrueLive.Models.Threads;

namespace TrueLive.Models.Onnx;

/// <summary>
/// One stream's memory of a <see cref="FusedModel"/>: the last frame, the last image and the style that made it. Stems and images are
/// double-buffered and swapped after each successful step, so a failed step leaves the memory unchanged; the last frame lies in the stem
/// of the previous side.
/// </summary>
internal sealed class FusedSession : OnnxSession
{
    // Rows that one thread blends at a time; even because two rows share one of chroma.
    private const int BlendRows = 48;

    private readonly FusedModel _fused;
    private readonly HeldBlend[] _blends;
    private readonly SharedRows _load;
    private readonly SharedRows _store;
    private readonly TensorBuffer[] _stems;
    private readonly TensorBuffer[] _images;
    private readonly TensorBuffer _halfOutput;
    private readonly IFusedStep _step;
    private readonly float[] _holds = [float.NaN, float.NaN];
    private readonly float[] _style;
    private readonly float[] _lastStyle;
    private float[]? _grade;
    private VideoFrame? _picture;
    private VideoFrame? _output;
    private bool _moved;
    private bool _known;
    private int _side;

    public FusedSession(OnnxVideoModel model, FusedModel fused, InferenceSession? session, InferenceSession? singleThreaded,
        FramePool outputs, int width, int height, TimeProvider time, bool trial = false)
        : base(model, outputs, width, height, time, trial)
    {
        _fused = fused;
        _blends = [.. Enumerable.Range(0, (height + BlendRows - 1) / BlendRows).Select(_ => new HeldBlend(fused.Spec, width, height))];
        _load = new SharedRows((height + BlockMotion.Block - 1) / BlockMotion.Block, LoadBlocks);
        _store = new SharedRows(_blends.Length, StoreRows);
        var style = model.Manifest.Style!;
        (_style, _lastStyle) = (new float[style.Length], new float[style.Length]);
        _stems = [Planes(FusedModel.StemPlanes, 1), Planes(FusedModel.StemPlanes, 1)];
        _images = [Planes(3, 1), Planes(3, 1)];
        _halfOutput = Planes(FusedModel.HalfOutputPlanes, 2);
        _step = fused.Convolutions is not null
            ? new ConvStep(fused, _stems, _halfOutput, width, height, model.Threads, Claim)
            : new RuntimeStep(fused, session!, singleThreaded, _stems, Own(TensorElementType.Float, [1, style.Length]),
                Planes(fused.Channels, 2), _halfOutput, width, height);

        TensorBuffer Planes(int count, int divide) => Own(TensorElementType.Float, [1, count, height / divide, width / divide]);
    }

    public override TensorBuffer Result => _images[1 - _side];

    protected override int MemoryLength => 2 * Picture * sizeof(float) + (_style.Length + 1) * sizeof(float);

    private int Picture => 3 * Width * Height;

    private Span<float> LastFrame => _stems[1 - _side].Floats[..Picture];

    private Span<float> LastImage => _images[1 - _side].Floats;

    protected override void Load(VideoFrame picture, ReadOnlySpan<float> style, bool moved, bool helped, RunOptions run)
    {
        (_picture, _moved) = (picture, moved);
        _load.Run(helped);
        var away = TensorPrimitives.Distance(style, _lastStyle);
        var hold = _known ? MathF.Exp(-_fused.Spec.StyleClose * away * away) : 0;
        if (_holds[_side] != hold)
            _stems[_side].Floats[(3 * Picture)..].Fill(_holds[_side] = hold);
        SetStyle(style, run);
    }

    protected override void Compute(bool singleThreaded, RunOptions run) => _step.Run(_side, singleThreaded, run);

    protected override void Store(VideoFrame picture, VideoFrame output, bool helped)
    {
        _output = output;
        _store.Run(helped);
        _style.CopyTo(_lastStyle, 0);
        _known = true;
        _side = 1 - _side;
    }

    protected override void Forget() => _known = false;

    protected override void Save(Span<byte> into)
    {
        var floats = MemoryMarshal.Cast<byte, float>(into);
        LastFrame.CopyTo(floats);
        LastImage.CopyTo(floats[Picture..]);
        _lastStyle.CopyTo(floats[(2 * Picture)..]);
        floats[^1] = _known ? 1 : 0;
    }

    protected override void Recall(ReadOnlySpan<byte> from)
    {
        var floats = MemoryMarshal.Cast<byte, float>(from);
        floats[..Picture].CopyTo(LastFrame);
        floats.Slice(Picture, Picture).CopyTo(LastImage);
        floats.Slice(2 * Picture, _lastStyle.Length).CopyTo(_lastStyle);
        _known = floats[^1] != 0;
    }

    public override void Dispose()
    {
        _step.Dispose();
        base.Dispose();
    }

    // One row of motion blocks: the frame, and its and the last image's difference from the memory after motion compensation.
    private void LoadBlocks(int band)
    {
        int pixels = Width * Height, first = band * BlockMotion.Block, end = Math.Min(first + BlockMotion.Block, Height),
        length = (end - first) * Width;
        var stem = _stems[_side].Floats;
        var frame = stem[..Picture];
        var changed = stem.Slice(Picture, Picture);
        var owed = stem.Slice(2 * Picture, Picture);
        ColourConversion.ToPlanarRgb(_picture!, frame[..pixels], frame.Slice(pixels, pixels), frame[(2 * pixels)..],
            TensorScale.Unit, first, end);
        if (_known && _moved)
        {
            Motion!.Carry(LastFrame, changed, band);
            Motion.Carry(LastImage, owed, band);
        }
        for (var at = first * Width; at < Picture; at += pixels)
        {
            var now = frame.Slice(at, length);
            var from = changed.Slice(at, length);
            var before = owed.Slice(at, length);
            if (!_known)
            {
                from.Clear();
                before.Clear();
            }
            else
            {
                TensorPrimitives.Subtract(now, _moved ? from : LastFrame.Slice(at, length), from);
                TensorPrimitives.Subtract(_moved ? before : LastImage.Slice(at, length), now, before);
            }
        }
    }

    private void StoreRows(int band)
    {
        int pixels = Width * Height, first = band * BlendRows, end = Math.Min(first + BlendRows, Height);
        var image = _images[_side].Floats;
        _blends[band].Run(_stems[_side].Floats, _halfOutput.Floats, _grade, _holds[_side], image, first, end);
        ColourConversion.FromPlanarRgb(image[..pixels], image.Slice(pixels, pixels), image[(2 * pixels)..], _output!,
            TensorScale.Unit, first, end);
    }

    // Computed only when the style changes.
    private void SetStyle(ReadOnlySpan<float> style, RunOptions run)
    {
        if (_grade is not null && style.SequenceEqual(_style))
            return;
        // Cleared first, so that the next step tries again if the runtime fails.
        _grade = null;
        style.CopyTo(_style);
        var tensors = _fused.At(_style, run);
        _step.SetStyle(tensors);
        _grade = tensors.Grade;
    }
}
