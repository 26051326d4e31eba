using System.Numerics.Tensors;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>
/// How much of the output a filter of the aligned input explains: the input itself, a filter of its colours, a filter of its
/// structure. Shares are of what changes over time (a still overlay counts for nothing) and of pictures that the fit has not seen.
/// </summary>
public sealed class NatureFindings
{
    /// <summary>Pairs of input and output compared.</summary>
    public int Pairs { get; init; }

    /// <summary>Share that gain and offset of each plane explain.</summary>
    public Estimate Same { get; init; } = Estimate.None;

    /// <summary>Of the gains of the three planes, the one furthest from 1.</summary>
    public double Gain { get; init; } = double.NaN;

    /// <summary>Largest difference of mean values of the three planes, 0..255.</summary>
    public double Offset { get; init; } = double.NaN;

    /// <summary>Share that a filter of colours explains.</summary>
    public Estimate Colour { get; init; } = Estimate.None;

    /// <summary>Share that a filter of structure explains.</summary>
    public Estimate Structure { get; init; } = Estimate.None;

    /// <summary>Whether what remains after the filter of structure answers the codes, and at which lag.</summary>
    public RemainderFindings Remainder { get; init; } = new();
}

/// <summary>Fits filters to pairs of aligned input and output, each half of the pairs with the weights of the other half.</summary>
internal sealed class NatureFit
{
    private const int W = Picture.AnalysisWidth;
    private const int H = Picture.AnalysisHeight;
    private const int LeastPairs = 60;
    private const int MostPairs = 400;

    /// <summary>One pixel in this many is fitted.</summary>
    public const int Lattice = 7;

    /// <summary>The input itself, a filter of colours, a filter of structure.</summary>
    public const int Models = 3;

    private static readonly int[] Earlier = [0, 3, 8];
    private readonly PlaneFit[] _planes = [new(W, H, 0, 0), new(W / 2, H / 2, W * H, 1), new(W / 2, H / 2, W * H * 5 / 4, 2)];
    private readonly LocalTerms _luma = new(W, H);
    private readonly LocalTerms _chroma = new(W / 2, H / 2);
    private readonly Picture[] _inputs = [Picture.ForAnalysis(), Picture.ForAnalysis(), Picture.ForAnalysis()];
    private readonly StimulusPlan _plan;
    private readonly StimulusRenderer _renderer;

    private NatureFit(StimulusPlan plan)
    {
        _plan = plan;
        _renderer = new StimulusRenderer(plan.Seed, W, H, plan.Amplitude);
    }

    /// <summary>Measures the shares; without enough pairs they stay unmeasured.</summary>
    public static NatureFindings Measure(
        StimulusPlan plan, int phaseIndex, Observation seen, FrameMap map, int redraws, CancellationToken cancel)
    {
        var kept = seen.Pictures.Where(p => p.Frame >= map.FirstOutput && p.Frame < map.FirstOutput + map.Input.Count).ToArray();
        var pairs = kept.Where((_, k) => kept.Length <= MostPairs
            || (long)k * MostPairs / kept.Length != (long)(k - 1) * MostPairs / kept.Length)
            .Select(p => (Input: map.Input[p.Frame - map.FirstOutput], p.Planes, Time: seen.Times[p.Frame])).ToArray();
        return pairs.Length < LeastPairs
            ? new NatureFindings { Pairs = pairs.Length }
            : new NatureFit(plan).Fit(pairs, phaseIndex, seen, redraws, cancel);
    }

    private NatureFindings Fit(
        (int Input, byte[] Planes, double Time)[] pairs, int phaseIndex, Observation seen, int redraws, CancellationToken cancel)
    {
        var half = pairs.Length / 2;
        var means = new double[2, 3];
        for (var n = 0; n < pairs.Length; n++)
        {
            cancel.ThrowIfCancellationRequested();
            Terms(pairs[n].Input);
            foreach (var plane in _planes)
            {
                plane.Sums[n < half ? 0 : 1].Add(plane.Index == 0 ? _luma : _chroma, plane.Output(pairs[n].Planes));
                means[0, plane.Index] += TensorPrimitives.Average<float>(InputPlane(plane.Index)) / pairs.Length;
                means[1, plane.Index] += TensorPrimitives.Average<float>(plane.Values) / pairs.Length;
            }
        }
        foreach (var plane in _planes)
            plane.Solve();

        var errors = Enumerable.Range(0, pairs.Length).Select(_ => _planes.Select(p => new float[Models + 1][]).ToArray()).ToArray();
        var extractor = new FeatureExtractor();
        var (shown, remains) = (new float[pairs.Length][], new float[pairs.Length][]);
        var rest = Picture.ForAnalysis();
        for (var n = 0; n < pairs.Length; n++)
        {
            cancel.ThrowIfCancellationRequested();
            Terms(pairs[n].Input);
            foreach (var plane in _planes)
            {
                var terms = (plane.Index == 0 ? _luma : _chroma).Planes;
                var output = plane.Output(pairs[n].Planes);
                // The weights come from the half that this pair is not in.
                var fitted = plane.Sums[n < half ? 1 : 0];
                errors[n][plane.Index][Models] = plane.Sampled(output);
                for (var model = 0; model < Models; model++)
                    errors[n][plane.Index][model] = plane.Sampled(plane.Rest(output, terms, fitted.Weights[model]));
                plane.Show(rest);
            }
            (shown[n], remains[n]) = (new float[FeatureExtractor.Count], new float[FeatureExtractor.Count]);
            extractor.Read(_inputs[0], shown[n]);
            extractor.Read(rest, remains[n]);
        }
        var shares = Shares(errors, half);
        var gains = _planes.Select(p => p.Sums.Average(s => s.Weights[0][p.Index])).ToArray();
        return new NatureFindings
        {
            Pairs = pairs.Length,
            Same = shares[0],
            Gain = gains.MaxBy(g => Math.Abs(g - 1)),
            Offset = Enumerable.Range(0, 3).Max(p => Math.Abs(means[0, p] - means[1, p])),
            Colour = shares[1],
            Structure = shares[2],
            Remainder = RemainderTest.Run(_plan, phaseIndex, seen, [.. pairs.Select(p => (p.Input, p.Time))], shown, remains, redraws),
        };
    }

    private float[] InputPlane(int index) => index == 0 ? _inputs[0].Y : index == 1 ? _inputs[0].U : _inputs[0].V;

    private void Terms(int frame)
    {
        foreach (var (earlier, picture) in Earlier.Zip(_inputs))
            _renderer.Draw(_plan.Frames[Math.Max(0, frame - earlier)], Math.Max(0, frame - earlier), picture);
        _luma.Read(_inputs[0].Y, _inputs[0].U, _inputs[0].V, _inputs[1].Y, _inputs[2].Y);
        _chroma.Read(Halved(_inputs[0].Y), Halved(_inputs[0].U), Halved(_inputs[0].V), Halved(_inputs[1].Y), Halved(_inputs[2].Y));
    }

    private static float[] Halved(float[] plane)
    {
        var half = new float[W * H / 4];
        for (var k = 0; k < half.Length; k++)
        {
            var at = k / (W / 2) * 2 * W + k % (W / 2) * 2;
            half[k] = 0.25f * (plane[at] + plane[at + 1] + plane[at + W] + plane[at + W + 1]);
        }
        return half;
    }

    /// <summary>Explained share of each model with a bootstrap over blocks of ten pairs.</summary>
    private Estimate[] Shares(float[][][][] errors, int half)
    {
        var pairs = errors.Length;
        var squares = Enumerable.Range(0, Models + 1).Select(_ => new double[pairs]).ToArray();
        foreach (var plane in _planes)
        {
            for (var model = 0; model <= Models; model++)
            {
                foreach (var (from, to) in new[] { (0, half), (half, pairs) })
                {
                    var still = new float[errors[0][plane.Index][model].Length];
                    for (var n = from; n < to; n++)
                        TensorPrimitives.MultiplyAdd(errors[n][plane.Index][model], 1f / (to - from), still, still);
                    for (var n = from; n < to; n++)
                    {
                        var apart = TensorPrimitives.Distance<float>(errors[n][plane.Index][model], still);
                        squares[model][n] += (plane.Index == 0 ? 1 : 4) * apart * apart;
                    }
                }
            }
        }
        var random = new Random(11);
        var blocks = (pairs + 9) / 10;
        var sums = squares.Select(s => Enumerable.Range(0, blocks).Select(b => s.Skip(10 * b).Take(10).Sum()).ToArray()).ToArray();
        var shares = new Estimate[Models];
        var drawn = Enumerable.Range(0, Models).Select(_ => new double[500]).ToArray();
        Span<double> sum = stackalloc double[Models + 1];
        for (var b = 0; b < 500; b++)
        {
            sum.Clear();
            for (var k = 0; k < blocks; k++)
            {
                var block = random.Next(blocks);
                for (var model = 0; model <= Models; model++)
                    sum[model] += sums[model][block];
            }
            for (var model = 0; model < Models; model++)
                drawn[model][b] = 1 - sum[model] / Math.Max(sum[Models], 1e-9);
        }
        for (var model = 0; model < Models; model++)
        {
            Array.Sort(drawn[model]);
            var total = sums[Models].Sum();
            // Less than half a grey level of change is a still picture: nothing to explain.
            shares[model] = total < 0.25 * pairs * _planes.Sum(p => p.Samples * (p.Index == 0 ? 1 : 4)) ? Estimate.None
                : new Estimate(1 - sums[model].Sum() / total, drawn[model][12], drawn[model][487], pairs);
        }
        return shares;
    }
}
