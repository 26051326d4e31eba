using System.Numerics.Tensors;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>Whether the remainder, which a filter of the aligned input leaves over, answers the codes as well, and at which lag.</summary>
public sealed record RemainderFindings
{
    /// <summary>Answers at the lag at which the pictures were aligned: made from the same input.</summary>
    public NullTest Aligned { get; init; } = NullTest.None;

    /// <summary>Share of the remainder's changes in time that the aligned input predicts (cross-validated, median of read-outs).</summary>
    public double Predicted { get; init; } = double.NaN;

    /// <summary>Mean light and colour of the remainder at other lags.</summary>
    public NullTest Luma { get; init; } = NullTest.None;

    /// <summary>Balance, object and pattern in the remainder at other lags.</summary>
    public NullTest Region { get; init; } = NullTest.None;

    /// <summary>The other lag, seconds behind the aligned input; its interval is the range without each fifth of the pairs.</summary>
    public Estimate Behind { get; init; } = Estimate.None;

    /// <summary>Seconds behind the aligned input up to which older pictures were searched for.</summary>
    public double Searched { get; init; }

    /// <summary>Holm's p over the two tests at other lags.</summary>
    public double OtherP
    {
        get
        {
            var (low, high) = (Math.Min(Luma.ForRules, Region.ForRules), Math.Max(Luma.ForRules, Region.ForRules));
            return Math.Min(1, Math.Min(2 * low, Math.Max(2 * low, high)));
        }
    }

    /// <summary>The larger distance of the two tests at other lags from their re-draws.</summary>
    public double OtherZ => Math.Max(Luma.Z, Region.Z);

    /// <summary>Whether there is an answer at another lag, on which all subsets of four fifths of the pairs agree.</summary>
    public bool AnswersElsewhere(double level, double leastZ = 0) =>
        OtherP <= level && OtherZ >= leastZ && Behind.Measured && Behind.High - Behind.Low <= 0.3;
}

/// <summary>
/// Correlates read-outs of the remainder with the codes at every lag relative to the aligned input, against re-drawn codes. Scene cuts are
/// left out: their dwell of seconds would spread the aligned answer to other lags.
/// </summary>
internal sealed class RemainderTest
{
    private const int Step = 2;
    private const int Reach = 360;
    private const int Newest = -18;
    private const int Oldest = 24;
    private const int Half = 8;

    /// <summary>Holm's p at or below which all re-draws are made, since the result may accuse.</summary>
    private const double Suspicious = 0.01;
    private const int ToAccuse = 9999;
    private static readonly Channel[] Tested = [Channel.G, Channel.R, Channel.C, Channel.O, Channel.P];
    private readonly StimulusPlan _plan;
    private readonly int _phaseIndex;
    private readonly Phase _phase;
    private readonly int[] _lags;
    private readonly int[][] _frames;
    private readonly int _pairs;

    private RemainderTest(StimulusPlan plan, int phaseIndex, Observation seen, (int Input, double Time)[] pairs)
    {
        (_plan, _phaseIndex, _phase, _pairs) = (plan, phaseIndex, plan.Phases[phaseIndex], pairs.Length);
        // A code that was not sent yet when the picture was shown cannot be answered.
        _lags = [.. Enumerable.Range(-Reach / Step, 2 * Reach / Step).Select(k => k * Step)
            .Where(lag => pairs.Count(p => Known(p.Input - lag, p.Time)) >= 0.7 * pairs.Length)];
        _frames = [.. _lags.Select(lag => pairs.Select(p => Known(p.Input - lag, p.Time) ? p.Input - lag - _phase.FirstFrame : -1)
            .ToArray())];

        bool Known(int frame, double time) =>
            frame >= _phase.FirstFrame && frame < _phase.EndFrame && frame < seen.Sent.Count && seen.Sent[frame] <= time;
    }

    /// <summary>Runs the test on raw features of the aligned input and of the remainder, one row per pair.</summary>
    public static RemainderFindings Run(StimulusPlan plan, int phaseIndex, Observation seen, (int Input, double Time)[] pairs,
        float[][] shown, float[][] remains, int redraws) =>
        new RemainderTest(plan, phaseIndex, seen, pairs).Run(shown, remains, redraws);

    private RemainderFindings Run(float[][] shown, float[][] remains, int redraws)
    {
        var grid = Columns(remains);
        var all = ChannelReadouts.From(grid, Half);
        var readouts = Tested.Select(c => all[(int)c].Where(signal => signal.Any(v => v != 0)).Select(Unit).ToArray()).ToArray();
        var sent = Codes(null);
        var cleaned = readouts.Select((signals, c) => signals.Select(s => Unit(WithoutAligned(s, sent[c]))).ToArray()).ToArray();

        var aligned = Energy(readouts, sent);
        var other = Energy(cleaned, sent);
        var draws = new List<(double[][] Aligned, double[][] Other)>();
        Draw(redraws);
        if (redraws >= 999 && Other().OtherP <= Suspicious)
            Draw(ToAccuse);
        return Other() with
        {
            Aligned = Test((at, _) => Best(at, [0, 1, 2, 3, 4], true).Score),
            Predicted = Predicted(Columns(shown), grid),
            Behind = OtherLag(cleaned, sent),
        };

        RemainderFindings Other() => new()
        {
            Luma = Test((_, o) => Best(o, [0, 2], false).Score),
            Region = Test((_, o) => Best(o, [1, 3, 4], false).Score),
            Searched = _lags.Length == 0 ? 0 : _lags[^1] / (double)CodeLaw.Rate,
        };

        void Draw(int upTo)
        {
            for (var k = draws.Count; k < upTo; k++)
            {
                var codes = Codes($"remainder{k}/");
                draws.Add((Energy(readouts, codes), Energy(cleaned, codes)));
            }
        }

        NullTest Test(Func<double[][], double[][], double> statistic) =>
            NullTest.Of(statistic(aligned, other), [.. draws.Select(d => statistic(d.Aligned, d.Other))]);
    }

    /// <summary>Codes by tested channel and lag, one value per pair; 0 where unknown.</summary>
    private float[][][] Codes(string? draw)
    {
        var codes = new float[Tested.Length][][];
        var frames = new float[_phase.FrameCount];
        for (var c = 0; c < Tested.Length; c++)
        {
            CodeLaw.Draw(Tested[c], _plan.Seed.Stream(draw + StimulusPlan.Label(_phaseIndex, Tested[c].ToString())), frames);
            codes[c] = [.. _frames.Select(at => Array.ConvertAll(at, j => j < 0 ? 0 : frames[j]))];
        }
        return codes;
    }

    /// <summary>n r^2 summed over a channel's read-outs less its expectation, in standard deviations of white noise.</summary>
    private double[][] Energy(float[][][] readouts, float[][][] codes)
    {
        var energy = new double[Tested.Length][];
        for (var c = 0; c < Tested.Length; c++)
        {
            energy[c] = new double[_lags.Length];
            var count = readouts[c].Length;
            for (var l = 0; count > 0 && l < _lags.Length; l++)
            {
                double sum = 0;
                foreach (var signal in readouts[c])
                {
                    var dot = TensorPrimitives.Dot<float>(signal, codes[c][l]);
                    sum += (double)dot * dot;
                }
                energy[c][l] = (sum - count) / Math.Sqrt(2.0 * count);
            }
        }
        return energy;
    }

    private (double Score, int Lag) Best(double[][] energy, int[] channels, bool aligned)
    {
        var best = (Score: double.MinValue, Lag: 0);
        for (var l = 0; l < _lags.Length; l++)
        {
            if (_lags[l] is >= Newest and <= Oldest != aligned)
                continue;
            var score = channels.Sum(c => energy[c][l]);
            if (score > best.Score)
                best = (score, _lags[l]);
        }
        return best;
    }

    private Estimate OtherLag(float[][][] cleaned, float[][][] sent)
    {
        var lags = new double[5];
        for (var fold = 0; fold < lags.Length; fold++)
        {
            var (from, to) = (fold * _pairs / 5, (fold + 1) * _pairs / 5);
            var part = cleaned.Select(signals => signals.Select(s => s.Select((v, n) => n >= from && n < to ? 0 : v).ToArray()).ToArray())
                .ToArray();
            lags[fold] = Best(Energy(part, sent), [0, 1, 2, 3, 4], false).Lag / (double)CodeLaw.Rate;
        }
        var whole = Best(Energy(cleaned, sent), [0, 1, 2, 3, 4], false).Lag / (double)CodeLaw.Rate;
        return new Estimate(whole, lags.Min() - 1.0 / CodeLaw.Rate, lags.Max() + 1.0 / CodeLaw.Rate, _pairs);
    }

    /// <summary>Removes what the channel's own code at aligned lags explains, with the sidelobes that the high-pass gives it.</summary>
    private float[] WithoutAligned(float[] signal, float[][] codes) =>
        Without(signal,
            [.. Enumerable.Range(0, _lags.Length).Where(l => _lags[l] is >= Newest and <= Oldest && _lags[l] % 6 == 0).Select(l =>
        {
            var tap = (float[])codes[l].Clone();
            Signals.HighPass(tap, Half);
            return tap;
        })]);

    private static float[] Without(float[] signal, float[][] explained)
    {
        var gram = new double[explained.Length, explained.Length];
        var weights = new double[explained.Length];
        for (var a = 0; a < explained.Length; a++)
        {
            for (var b = 0; b < explained.Length; b++)
                gram[a, b] = TensorPrimitives.Dot<float>(explained[a], explained[b]) + (a == b ? 1 : 0);
            weights[a] = TensorPrimitives.Dot<float>(explained[a], signal);
        }
        SymmetricEigen.CholeskySolve(gram, [weights]);
        var rest = (float[])signal.Clone();
        for (var a = 0; a < explained.Length; a++)
            TensorPrimitives.MultiplyAdd(explained[a], (float)-weights[a], rest, rest);
        return rest;
    }

    private static float[][] Columns(float[][] rows) =>
        [.. Enumerable.Range(0, FeatureExtractor.Count).Select(f => rows.Select(row => row[f]).ToArray())];

    /// <summary>
    /// Median share of the remainder's block values over time that the tone, colour, edges and contrast of the same block of the input
    /// predict, beyond what the means of the whole input predict: live light over canned pictures follows nothing but those means.
    /// </summary>
    private static double Predicted(float[][] shown, float[][] remains)
    {
        const int Blocks = 12;
        const int Maps = 5;
        var shares = new List<double>();
        var whole = Enumerable.Range(0, Maps).Select(map =>
            Conditioned(Enumerable.Range(0, shown[0].Length).Select(n => Enumerable.Range(0, Blocks).Sum(b => shown[map * Blocks + b][n]))))
            .Where(signal => signal.Any(v => v != 0)).ToArray();
        for (var block = 0; block < Blocks; block++)
        {
            var tone = shown[block];
            float[][] input = [
                .. Enumerable.Range(0, 9).Select(knot => Conditioned(tone.Select(y => Math.Max(0, 1 - Math.Abs(y / 20 - knot - 1))))),
                .. Enumerable.Range(0, Maps).Select(map => Conditioned(shown[map * Blocks + block])),
            ];
            var rest = Enumerable.Range(0, Maps).Select(map => Without(Conditioned(remains[map * Blocks + block]), whole))
                .Where(signal => signal.Any(v => v != 0)).ToArray();
            if (rest.Length > 0)
                shares.AddRange(RidgeDecoder.Decode(input, rest).Select(d => Math.Max(0, d.Correlation) * Math.Max(0, d.Correlation)));
        }
        shares.Sort();
        return shares.Count == 0 ? 0 : Intervals.Quantile(shares, 0.5);

        static float[] Conditioned(IEnumerable<float> values)
        {
            float[] signal = [.. values];
            Signals.HighPass(signal, Half);
            Signals.ScaleByMad(signal, 0.001f);
            return signal;
        }
    }

    /// <summary>Scales to zero mean and unit norm: the dot product with a code of +-1 is then sqrt(n) r.</summary>
    private static float[] Unit(float[] signal)
    {
        var unit = (float[])signal.Clone();
        TensorPrimitives.Subtract(unit, TensorPrimitives.Average<float>(unit), unit);
        TensorPrimitives.Divide(unit, MathF.Max(TensorPrimitives.Norm<float>(unit), 1e-6f), unit);
        return unit;
    }
}
