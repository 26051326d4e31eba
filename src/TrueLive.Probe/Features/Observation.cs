using System.Numerics.Tensors;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Features;

/// <summary>
/// What a run saw: when each input frame and prompt was really sent and, for each output frame, its time, its features,
/// how far it is from the frame before and from the middle of its neighbours, and some pictures (<see cref="KeepPictures"/>).
/// Times are seconds on one clock from the first frame sent. Bounded: <see cref="MaxFrames"/> output frames.
/// </summary>
public sealed class Observation
{
    /// <summary>Output frames kept at most (two hours at 60 frames per second).</summary>
    public const int MaxFrames = 432_000;

    /// <summary>Pictures kept at most.</summary>
    public const int MaxPictures = 600;

    /// <summary>Bytes of a kept picture: 160 x 90 luma, then 80 x 45 Cb and Cr.</summary>
    public const int PictureBytes = Picture.AnalysisWidth * Picture.AnalysisHeight * 3 / 2;

    private const double LeastSpacing = 0.2;
    private const int ThumbWidth = 32;
    private const int ThumbHeight = 18;

    private readonly FeatureExtractor _extractor = new();
    private readonly List<float> _features = [];
    private readonly List<double> _times = [];
    private readonly List<float> _change = [];
    private readonly List<float> _midpoint = [];
    private readonly List<(int Frame, byte[] Planes)> _pictures = [];
    private float[] _last = new float[ThumbWidth * ThumbHeight];
    private float[] _beforeLast = new float[ThumbWidth * ThumbHeight];
    private float[] _now = new float[ThumbWidth * ThumbHeight];
    private (double From, double To, double Spacing) _keep = (0, double.MaxValue, LeastSpacing);
    private double _nextPicture = double.NegativeInfinity;

    /// <summary>When each input frame was handed over.</summary>
    public List<double> Sent { get; } = [];

    /// <summary>When each prompt of the plan was sent, in the order of the plan.</summary>
    public List<double> PromptSent { get; } = [];

    /// <summary>When each output frame was presented.</summary>
    public IReadOnlyList<double> Times => _times;

    /// <summary>Mean absolute luma difference to the frame before, on the small picture (0..255).</summary>
    public IReadOnlyList<float> Change => _change;

    /// <summary>Distance of a frame to the middle of its neighbours, over the distance of the neighbours; NaN where undefined.</summary>
    public IReadOnlyList<float> Midpoint => _midpoint;

    /// <summary>Kept pictures with the output frame they belong to; see <see cref="PictureBytes"/>.</summary>
    public IReadOnlyList<(int Frame, byte[] Planes)> Pictures => _pictures;

    /// <summary>Output frames that came after the limit and were counted only.</summary>
    public long Unkept { get; private set; }

    /// <summary>Output frames seen.</summary>
    public int Count => _times.Count;

    /// <summary>The features of an output frame.</summary>
    public ReadOnlySpan<float> Features(int frame) =>
        System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_features).Slice(frame * FeatureExtractor.Count, FeatureExtractor.Count);

    /// <summary>Adds an output frame. Times never decrease: an earlier one is taken as the last.</summary>
    public void Add(double time, Picture picture)
    {
        if (_times.Count >= MaxFrames)
        {
            Unkept++;
            return;
        }
        Span<float> features = stackalloc float[FeatureExtractor.Count];
        _extractor.Read(picture, features);
        _features.AddRange(features);
        _times.Add(_times.Count > 0 ? Math.Max(time, _times[^1]) : time);
        Shrink(picture.Y, _now);
        _change.Add(_times.Count > 1 ? Distance(_now, _last) : float.NaN);
        _midpoint.Add(float.NaN);
        if (_times.Count > 2)
            _midpoint[^2] = MidpointResidual(_beforeLast, _last, _now);
        if (time >= _nextPicture && time >= _keep.From && time < _keep.To && _pictures.Count < MaxPictures)
        {
            _pictures.Add((_times.Count - 1, Bytes(picture)));
            _nextPicture = time + _keep.Spacing;
        }
        (_beforeLast, _last, _now) = (_last, _now, _beforeLast);
    }

    /// <summary>
    /// Chooses the period from which pictures are kept: evenly spaced, at most five a second (ten if the period is at most 30 s). Without a
    /// choice the first pictures are kept.
    /// </summary>
    public void KeepPictures(double from, double to) =>
        _keep = (from, to, Math.Max(to - from <= 30 ? LeastSpacing / 2 : LeastSpacing, (to - from) / (MaxPictures - 1)));

    /// <summary>The samples of a picture as they are kept; chroma is averaged over 2 x 2.</summary>
    public static byte[] Bytes(Picture picture)
    {
        const int Width = Picture.AnalysisWidth;
        var planes = new byte[PictureBytes];
        for (var k = 0; k < picture.Y.Length; k++)
            planes[k] = (byte)Math.Clamp(picture.Y[k] + 0.5f, 0, 255);
        var to = picture.Y.Length;
        foreach (var plane in new[] { picture.U, picture.V })
        {
            for (var y = 0; y < Picture.AnalysisHeight; y += 2)
            {
                for (var x = 0; x < Width; x += 2)
                {
                    var at = y * Width + x;
                    planes[to++] = (byte)Math.Clamp(0.25f * (plane[at] + plane[at + 1] + plane[at + Width] + plane[at + Width + 1]) + 0.5f,
                        0, 255);
                }
            }
        }
        return planes;
    }

    /// <summary>A snapshot to analyse while the session goes on.</summary>
    internal Observation Copy()
    {
        var copy = new Observation();
        copy.Sent.AddRange(Sent);
        copy.PromptSent.AddRange(PromptSent);
        copy._times.AddRange(_times);
        copy._features.AddRange(_features);
        copy._change.AddRange(_change);
        copy._midpoint.AddRange(_midpoint);
        copy._pictures.AddRange(_pictures);
        return copy;
    }

    /// <summary>A copy of what came before a time and before an input frame.</summary>
    internal Observation Until(double time, int frames)
    {
        var part = new Observation();
        part.Sent.AddRange(Sent.Take(frames));
        part.PromptSent.AddRange(PromptSent.Where(t => t < time));
        for (var i = 0; i < Count && _times[i] < time; i++)
            part.Restore(_times[i], Features(i), _change[i], _midpoint[i]);
        foreach (var (frame, planes) in _pictures.TakeWhile(t => t.Frame < part.Count))
            part.RestorePicture(frame, planes);
        return part;
    }

    internal void Restore(double time, ReadOnlySpan<float> features, float change, float midpoint)
    {
        _times.Add(time);
        _features.AddRange(features);
        _change.Add(change);
        _midpoint.Add(midpoint);
    }

    internal void RestorePicture(int frame, byte[] planes) => _pictures.Add((frame, planes));

    private static void Shrink(float[] plane, float[] small)
    {
        const int Width = Picture.AnalysisWidth;
        Span<float> sums = stackalloc float[Width];
        for (var row = 0; row < ThumbHeight; row++)
        {
            plane.AsSpan(row * 5 * Width, Width).CopyTo(sums);
            for (var y = row * 5 + 1; y < row * 5 + 5; y++)
                TensorPrimitives.Add(sums, plane.AsSpan(y * Width, Width), sums);
            for (var x = 0; x < ThumbWidth; x++)
            {
                var cell = sums.Slice(x * 5, 5);
                small[row * ThumbWidth + x] = (cell[0] + cell[1] + cell[2] + cell[3] + cell[4]) / 25;
            }
        }
    }

    private static float Distance(float[] a, float[] b)
    {
        Span<float> apart = stackalloc float[a.Length];
        TensorPrimitives.Subtract(a, b, apart);
        return TensorPrimitives.SumOfMagnitudes<float>(apart) / a.Length;
    }

    private static float MidpointResidual(float[] before, float[] middle, float[] after)
    {
        var span = middle.Length * Distance(after, before);
        Span<float> mean = stackalloc float[middle.Length];
        TensorPrimitives.AddMultiply(before, after, 0.5f, mean);
        TensorPrimitives.Subtract(middle, mean, mean);
        var residual = TensorPrimitives.SumOfMagnitudes<float>(mean);
        return span > 0.05f * middle.Length ? residual / span : float.NaN;
    }
}
