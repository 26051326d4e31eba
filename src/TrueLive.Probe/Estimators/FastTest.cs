using System.Numerics;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>Fills a channel's code on the analysis grid: what was sent (null), or an independent draw of it.</summary>
internal delegate void CodeFill(int channel, CodeDraw? draw, float[] code);

/// <summary>Names one independent draw.</summary>
internal readonly record struct CodeDraw(string Kind, int Number);

/// <summary>
/// The exact randomisation test of the fast phase: one statistic (the mean score of the best lag path) for the code that was
/// sent and for K re-draws of the same law, so that every search over lags, features and channels is repeated inside the null.
/// </summary>
internal sealed class FastTest
{
    private const int Auxiliary = 16;
    private const int CausalFirst = -LagSearch.FirstLag;
    private const int CausalCount = 360;
    private const int AcausalCount = 80;
    private const int ShortChip = 6;
    private readonly double _kappa;
    private readonly double _start;
    private readonly int _hop;
    private readonly int _window;
    private readonly CodeFill _fill;
    private readonly LagSearch?[] _searches;
    private readonly float[][] _nullMean;
    private readonly float[][] _nullInverse;

    /// <summary>For codes of any origin.</summary>
    /// <param name="readouts">Features by channel on an even grid of 30 per second; null where the channel rests.</param>
    /// <param name="fill">The codes.</param>
    /// <param name="start">Output time of the grid's first sample.</param>
    /// <param name="windowSeconds">Length of a window.</param>
    /// <param name="kappa">Rate at which the grid was made.</param>
    public FastTest(float[][]?[] readouts, CodeFill fill, double start, double windowSeconds, double kappa = 0)
    {
        (_fill, _start, _kappa) = (fill, start, kappa);
        Length = readouts.First(r => r is not null)![0].Length;
        _window = (int)Math.Round(windowSeconds * CodeLaw.Rate);
        _hop = _window / (Length <= 100 * CodeLaw.Rate ? 10 : 5);
        _searches = [.. readouts.Select(r => r is null ? null : new LagSearch(r, _window, _hop))];
        Windows = _searches.First(s => s is not null)!.Windows;
        (_nullMean, _nullInverse) = NullPerWindow();
    }

    /// <summary>For the codes of a plan's fast phase.</summary>
    public static FastTest Of(StimulusPlan plan, int phaseIndex, Observation seen, double[] even, double kappa = 0, double windowSeconds = 5, double limit = double.MaxValue)
    {
        var phase = plan.Phases[phaseIndex];
        var start = seen.Sent[phase.FirstFrame];
        var end = Math.Min(seen.Sent[Math.Min(phase.EndFrame, seen.Sent.Count) - 1], seen.Count > 0 ? seen.Times[^1] : start);
        var seconds = Math.Min(limit, Math.Max(0, end - start));
        var length = Math.Max((int)(windowSeconds * CodeLaw.Rate), (int)(seconds * CodeLaw.Rate * Math.Min(1, 1 - kappa)));
        var readouts = ChannelReadouts.From(Timeline.Resample(seen, even, start, length, CodeLaw.Rate * (1 - kappa)));
        var gridFrame = Timeline.NewestSent(seen.Sent, start, length, CodeLaw.Rate);
        var sent = plan.Codes(phase, phaseIndex)!;
        return new FastTest([.. readouts.Select((r, c) => sent[c] is null ? null : r)], Fill, start, windowSeconds, kappa);

        void Fill(int channel, CodeDraw? draw, float[] code)
        {
            var frames = new float[phase.FrameCount];
            var label = StimulusPlan.Label(phaseIndex, ((Channel)channel).ToString());
            CodeLaw.Draw((Channel)channel, plan.Seed.Stream(draw is { } d ? $"{d.Kind}{d.Number}/{label}" : label), frames);
            for (var g = 0; g < code.Length; g++)
            {
                var j = gridFrame[g] - phase.FirstFrame;
                code[g] = j >= 0 && j < frames.Length ? frames[j] : 0;
            }
        }
    }

    public int Windows { get; }

    private int Length { get; }

    /// <summary>Seconds on the output clock of the middle of a window.</summary>
    public double TimeOf(int window) => _start + (window * _hop + _window / 2.0) / CodeLaw.Rate / (1 - _kappa);

    /// <summary>Delay in seconds of a lag (frames) at a window.</summary>
    public double DelayOf(int window, double lag)
    {
        var scaled = (window * _hop + _window / 2.0) / CodeLaw.Rate;
        return lag / CodeLaw.Rate + scaled * _kappa / (1 - _kappa);
    }

    /// <summary>The joint z alone, against <paramref name="redraws"/> re-draws: for the search over rates.</summary>
    public (double Statistic, NullTest Test) Quick(int redraws)
    {
        var buffers = new Buffers(Length, Windows);
        var statistic = Evaluate(null, buffers, jointOnly: true).Joint;
        var others = new double[redraws];
        for (var k = 0; k < redraws; k++)
            others[k] = Evaluate(new CodeDraw("quick", k), buffers, jointOnly: true).Joint;
        return (statistic, NullTest.Of(statistic, others));
    }

    /// <summary>The whole test with K re-draws on some threads; stops at 64 when all is beyond doubt and <paramref name="mayStop"/>.</summary>
    public FastFindings Run(int redraws, int threads, bool mayStop, CancellationToken cancel)
    {
        var buffers = new Buffers(Length, Windows);
        var sent = Evaluate(null, buffers);
        var joint = (float[])buffers.Joint.Clone();
        var path = LagPath.Trace(joint, Windows, CausalFirst, CausalCount);
        var channelDelay = new double[7];
        var familyDelay = new double[4];
        for (var c = 0; c < 7; c++)
            channelDelay[c] = _searches[c] is null ? double.NaN : MedianDelay(buffers.Channels[c]);
        for (var f = 0; f < 4; f++)
            familyDelay[f] = MedianDelay(buffers.Families[f]);
        Estimate[] familyLag = [.. buffers.Families.Select(LagOf)];
        Estimate[] channelLag = [.. buffers.Channels.Select((z, c) => _searches[c] is null ? Estimate.None : LagOf(z))];

        // A path that owes nothing to a channel's own code leaves its sent code and its re-draws exchangeable.
        var withoutOwn = new int[7][];
        foreach (var c in Enumerable.Range(0, 7).Where(c => _searches[c] is not null && CodeLaw.ChipFrames((Channel)c) is > 0 and <= ShortChip))
        {
            var others = (float[])joint.Clone();
            System.Numerics.Tensors.TensorPrimitives.Subtract(others, buffers.Channels[c], others);
            withoutOwn[c] = LagPath.Trace(others, Windows, CausalFirst, CausalCount);
        }
        sent = sent with { Together = Along(withoutOwn, buffers) };

        var results = new Statistics[redraws];
        var nullScores = new List<float>();
        var done = 0;
        foreach (var upTo in mayStop ? Stops(redraws) : [redraws])
        {
            if (done > 0 && (BeyondDoubt(sent, results.AsSpan(0, done)) || NothingThere(sent, results.AsSpan(0, done))))
                break;
            Parallel.For(done, upTo, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancel },
                () => new Buffers(Length, Windows),
                (k, _, own) =>
                {
                    results[k] = Evaluate(new CodeDraw("redraw", k), own);
                    results[k] = results[k] with { Together = Along(withoutOwn, own) };
                    if (k < 24)
                        CollectPathScores(own.Joint, nullScores);
                    return own;
                },
                _ => { });
            done = upTo;
        }
        results = results[..done];
        var threshold = Quantile(nullScores, 0.95);
        var channels = new NullTest[7];
        for (var c = 0; c < 7; c++)
            channels[c] = _searches[c] is null ? NullTest.None : NullTest.Of(sent.Channels[c], [.. results.Select(r => r.Channels[c])]);
        var families = new NullTest[4];
        for (var f = 0; f < 4; f++)
            families[f] = NullTest.Of(sent.Families[f], [.. results.Select(r => r.Families[f])]);
        for (var c = 0; c < 7; c++)
            channelDelay[c] = channels[c].ForRules <= 0.01 ? channelDelay[c] : double.NaN;
        for (var f = 0; f < 4; f++)
            familyDelay[f] = families[f].ForRules <= 0.01 ? familyDelay[f] : double.NaN;
        var windows = new List<LagWindow>();
        var (usable, locked) = (0, 0);
        // Output from before the first answer could arrive has nothing to lock to.
        var lockedLags = Enumerable.Range(0, Windows).Where(w => Covered(w, path[w]) && joint[w * LagSearch.Lags + CausalFirst + path[w]] > threshold)
            .Select(w => path[w]).Order().ToArray();
        var usual = lockedLags.Length > 0 ? lockedLags[lockedLags.Length / 2] : 0;
        for (var w = 0; w < Windows; w++)
        {
            var score = joint[w * LagSearch.Lags + CausalFirst + path[w]];
            if (!Covered(w, path[w]) || !Covered(w, usual))
                continue;
            usable++;
            locked += score > threshold ? 1 : 0;
            windows.Add(new LagWindow(TimeOf(w), DelayOf(w, path[w]), score, score > threshold));
        }
        var redrawn = results.Select(r => r.Joint).ToArray();
        return new FastFindings
        {
            Joint = NullTest.Of(sent.Joint, redrawn),
            Families = families,
            Channels = channels,
            Together = [.. Enumerable.Range(0, 7).Select(c => withoutOwn[c] is null ? NullTest.None : NullTest.Of(sent.Together[c], [.. results.Select(r => r.Together[c])]))],
            Acausal = NullTest.Of(sent.Acausal, [.. results.Select(r => r.Acausal)]),
            ChannelDelay = channelDelay,
            FamilyDelay = familyDelay,
            FamilyLag = familyLag,
            ChannelLag = channelLag,
            JointLag = LagOf(joint),
            Kappa = _kappa,
            Path = [.. windows],
            Lock = usable > 0 ? (double)locked / usable : 0,
            LockWindows = usable * (double)_hop / _window,
            WindowSeconds = (double)_window / CodeLaw.Rate,
            Redraws = redrawn,
            Statistic = sent.Joint,
            Heat = HeatMap(joint),
            HeatLags = CausalCount / 2,
        };
    }

    /// <summary>Joint, region and one more family are so far from their null that more re-draws could not change a rule.</summary>
    private static bool BeyondDoubt(Statistics sent, Span<Statistics> redraws)
    {
        var drawn = redraws.ToArray();
        var families = Enumerable.Range(0, 4).Select(f => NullTest.Of(sent.Families[f], [.. drawn.Select(r => r.Families[f])]).Z).ToArray();
        // A family between chance and certainty could still accuse the others of another lag.
        return NullTest.Of(sent.Joint, [.. drawn.Select(r => r.Joint)]).Z > 15 && families[(int)Family.Region] > NullTest.SurelyZ
            && NullTest.Of(sent.Together[(int)Channel.R], [.. drawn.Select(r => r.Together[(int)Channel.R])]).Z is < 2 or > NullTest.SurelyZ
            && families.Count(z => z > NullTest.SurelyZ) >= 2
            && families[(int)Family.Luma] is < 2 or > NullTest.SurelyZ && families[(int)Family.Motion] is < 2 or > NullTest.SurelyZ;
    }

    /// <summary>Ten re-draws at or above the statistic in every test of a rule: no p can become small any more (Besag and Clifford 1991).</summary>
    private static bool NothingThere(Statistics sent, Span<Statistics> redraws)
    {
        Span<int> above = stackalloc int[6];
        foreach (var drawn in redraws)
        {
            above[0] += drawn.Joint >= sent.Joint ? 1 : 0;
            above[1] += drawn.Acausal >= sent.Acausal ? 1 : 0;
            for (var f = 0; f < 4; f++)
                above[2 + f] += drawn.Families[f] >= sent.Families[f] ? 1 : 0;
        }
        return System.Numerics.Tensors.TensorPrimitives.Min<int>(above) >= 10;
    }

    private static IEnumerable<int> Stops(int redraws)
    {
        for (var at = 64; at < redraws; at *= 2)
            yield return at;
        yield return redraws;
    }

    private bool Covered(int window, int lag) => window * _hop - lag >= -0.3 * _window;

    private double MedianDelay(float[] z)
    {
        var path = LagPath.Trace(z, Windows, CausalFirst, CausalCount);
        var delays = new List<double>();
        for (var w = 0; w < Windows; w++)
        {
            if (Covered(w, path[w]))
                delays.Add(DelayOf(w, path[w]));
        }
        delays.Sort();
        return delays.Count > 0 ? delays[delays.Count / 2] : double.NaN;
    }

    private Estimate LagOf(float[] z)
    {
        var path = LagPath.Trace(z, Windows, CausalFirst, CausalCount);
        // Windows that overlap by half: chips of a tenth of a second leave their errors nearly independent, and a stray one must not blur the rest.
        var apart = Math.Max(1, _window / _hop / 2);
        var lags = Enumerable.Range(0, Windows).Where(w => w % apart == 0 && Covered(w, path[w])).Select(w => (double)path[w] / CodeLaw.Rate).ToArray();
        var median = Intervals.QuantileInterval(lags, 0.5);
        return median.Measured ? median with { Low = median.Low - 1.0 / CodeLaw.Rate, High = median.High + 1.0 / CodeLaw.Rate } : median;
    }

    private void CollectPathScores(float[] joint, List<float> scores)
    {
        var path = LagPath.Trace(joint, Windows, CausalFirst, CausalCount);
        lock (scores)
        {
            for (var w = 0; w < Windows; w++)
            {
                if (Covered(w, path[w]))
                    scores.Add(joint[w * LagSearch.Lags + CausalFirst + path[w]]);
            }
        }
    }

    private static float Quantile(List<float> values, double q)
    {
        values.Sort();
        return values.Count == 0 ? float.PositiveInfinity : values[(int)(q * (values.Count - 1))];
    }

    private float[] HeatMap(float[] joint)
    {
        var heat = new float[Windows * CausalCount / 2];
        for (var w = 0; w < Windows; w++)
        {
            for (var l = 0; l < CausalCount / 2; l++)
                heat[w * CausalCount / 2 + l] = Math.Max(joint[w * LagSearch.Lags + CausalFirst + 2 * l], joint[w * LagSearch.Lags + CausalFirst + 2 * l + 1]);
        }
        return heat;
    }

    /// <summary>
    /// Mean and deviation of E per window, pooled over lags and over codes drawn for this purpose only. They are independent of
    /// both the sent code and the K re-draws, so those stay exchangeable and the p-value exact.
    /// </summary>
    private (float[][] Mean, float[][] Inverse) NullPerWindow()
    {
        var (mean, inverse) = (new float[7][], new float[7][]);
        var scratch = new LagSearch.Scratch(Length);
        var energy = new float[Windows * LagSearch.Lags];
        var code = new float[Length];
        for (var c = 0; c < 7; c++)
        {
            if (_searches[c] is not { } search)
                continue;
            var (sum, square, count) = (new double[Windows], new double[Windows], new int[Windows]);
            for (var k = 0; k < Auxiliary; k++)
            {
                _fill(c, new CodeDraw("auxiliary", k), code);
                search.Evaluate(code, scratch, energy);
                for (var w = 0; w < Windows; w++)
                {
                    var (total, squares, known) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
                    var row = energy.AsSpan(w * LagSearch.Lags, LagSearch.Lags);
                    for (var l = 0; l < row.Length; l += Vector<float>.Count)
                    {
                        var value = new Vector<float>(row[l..]);
                        var there = Vector.Equals(value, value);
                        value = Vector.ConditionalSelect(there, value, Vector<float>.Zero);
                        total += value;
                        squares += value * value;
                        known += Vector.ConditionalSelect(there, Vector<float>.One, Vector<float>.Zero);
                    }
                    sum[w] += Vector.Sum(total);
                    square[w] += Vector.Sum(squares);
                    count[w] += (int)Vector.Sum(known);
                }
            }
            (mean[c], inverse[c]) = (new float[Windows], new float[Windows]);
            // r^2 of unrelated white signals would spread by sqrt(2 F); half of that bounds the gain of a nearly dead window.
            var floor = 0.5 * Math.Sqrt(2.0 * Math.Max(1, search.Alive));
            for (var w = 0; w < Windows; w++)
            {
                var m = sum[w] / Math.Max(1, count[w]);
                mean[c][w] = (float)m;
                inverse[c][w] = (float)(1 / Math.Max(floor, Math.Sqrt(Math.Max(0, square[w] / Math.Max(1, count[w]) - m * m))));
            }
        }
        return (mean, inverse);
    }

    private Statistics Evaluate(CodeDraw? draw, Buffers own, bool jointOnly = false)
    {
        Array.Clear(own.Joint);
        foreach (var family in own.Families)
            Array.Clear(family);
        Array.Clear(own.Fast);
        var channels = new double[7];
        for (var c = 0; c < 7; c++)
        {
            if (_searches[c] is not { } search)
                continue;
            _fill(c, draw, own.Code);
            var z = own.Channels[c];
            search.Evaluate(own.Code, own.Scratch, z);
            for (var w = 0; w < Windows; w++)
                Standardise(z.AsSpan(w * LagSearch.Lags, LagSearch.Lags), _nullMean[c][w], _nullInverse[c][w]);
            System.Numerics.Tensors.TensorPrimitives.Add(own.Joint, z, own.Joint);
            if ((Channel)c is Channel.G or Channel.R or Channel.C or Channel.M)
                System.Numerics.Tensors.TensorPrimitives.Add(own.Fast, z, own.Fast);
            if (jointOnly)
                continue;
            channels[c] = LagPath.Score(z, Windows, CausalFirst, CausalCount);
            var family = own.Families[(int)CodeLaw.FamilyOf((Channel)c)];
            System.Numerics.Tensors.TensorPrimitives.Add(family, z, family);
        }
        return new Statistics(
            LagPath.Score(own.Joint, Windows, CausalFirst, CausalCount),
            jointOnly ? [] : [.. own.Families.Select(z => (double)LagPath.Score(z, Windows, CausalFirst, CausalCount))],
            channels,
            jointOnly ? 0 : LagPath.Score(own.Fast, Windows, 0, AcausalCount));
    }

    private static void Standardise(Span<float> energy, float mean, float inverse)
    {
        var (m, scale) = (new Vector<float>(mean), new Vector<float>(inverse));
        var (low, high) = (new Vector<float>(-1f), new Vector<float>(12f));
        for (var l = 0; l < energy.Length; l += Vector<float>.Count)
        {
            var z = (new Vector<float>(energy[l..]) - m) * scale;
            // A lag without enough code (NaN) neither helps nor hurts a path.
            z = Vector.ConditionalSelect(Vector.Equals(z, z), Vector.Min(Vector.Max(z, low), high), Vector<float>.Zero);
            z.CopyTo(energy[l..]);
        }
    }

    /// <summary>Mean score of each channel within two frames of a given path.</summary>
    private double[] Along(int[][] paths, Buffers own)
    {
        var scores = new double[7];
        for (var c = 0; c < 7; c++)
        {
            for (var w = 0; paths[c] is { } path && w < Windows; w++)
            {
                var from = Math.Max(0, path[w] - 2);
                var near = own.Channels[c].AsSpan(w * LagSearch.Lags + CausalFirst + from, Math.Min(CausalCount, path[w] + 3) - from);
                scores[c] += System.Numerics.Tensors.TensorPrimitives.Max<float>(near) / Windows;
            }
        }
        return scores;
    }

    private sealed record Statistics(double Joint, double[] Families, double[] Channels, double Acausal)
    {
        public double[] Together { get; init; } = [];
    }

    private sealed class Buffers(int length, int windows)
    {
        public readonly LagSearch.Scratch Scratch = new(length);
        public readonly float[] Code = new float[length];
        public readonly float[] Joint = new float[windows * LagSearch.Lags];
        public readonly float[] Fast = new float[windows * LagSearch.Lags];
        public readonly float[][] Families = [.. Enumerable.Range(0, 4).Select(_ => new float[windows * LagSearch.Lags])];
        public readonly float[][] Channels = [.. Enumerable.Range(0, 7).Select(_ => new float[windows * LagSearch.Lags])];
    }
}
