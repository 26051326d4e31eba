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
    private const int CausalFirst = LagWindows.CausalFirst;
    private const int CausalCount = LagWindows.CausalCount;
    private const int AcausalCount = 80;
    private const int ShortChip = 6;
    private readonly LagWindows _windows;
    private readonly CodeFill _fill;
    private readonly LagSearch?[] _searches;
    private readonly FastNull _null;

    /// <summary>For codes of any origin.</summary>
    /// <param name="readouts">Features by channel on an even grid of 30 per second; null where the channel rests.</param>
    /// <param name="fill">The codes.</param>
    /// <param name="start">Output time of the grid's first sample.</param>
    /// <param name="windowSeconds">Length of a window.</param>
    /// <param name="kappa">Content-clock rate of the grid.</param>
    public FastTest(float[][]?[] readouts, CodeFill fill, double start, double windowSeconds, double kappa = 0)
    {
        _fill = fill;
        Length = readouts.First(r => r is not null)![0].Length;
        var window = (int)Math.Round(windowSeconds * CodeLaw.Rate);
        var hop = window / (Length <= 100 * CodeLaw.Rate ? 10 : 5);
        _searches = [.. readouts.Select(r => r is null ? null : new LagSearch(r, window, hop))];
        _windows = new LagWindows(start, window, hop, _searches.First(s => s is not null)!.Windows, kappa);
        _null = new FastNull(_searches, Windows, Length, fill);
    }

    /// <summary>For the codes of a plan's fast phase.</summary>
    public static FastTest Of(StimulusPlan plan, int phaseIndex, Observation seen, double[] even, double kappa = 0,
        double windowSeconds = 5, double limit = double.MaxValue)
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

    private int Windows => _windows.Count;

    private int Length { get; }

    /// <summary>The joint z alone, against <paramref name="redraws"/> re-draws: for the search over rates.</summary>
    public (double Statistic, NullTest Test) Quick(int redraws)
    {
        var buffers = new Buffers(Length, Windows);
        var statistic = Evaluate(null, buffers, brief: true).Joint;
        var others = new double[redraws];
        for (var k = 0; k < redraws; k++)
            others[k] = Evaluate(new CodeDraw("quick", k), buffers, brief: true).Joint;
        return (statistic, NullTest.Of(statistic, others));
    }

    /// <summary>The whole test with K re-draws, or as few as <paramref name="stop"/> allows.</summary>
    public FastFindings Run(int redraws, int threads, Stopping stop, CancellationToken cancel)
    {
        var buffers = new Buffers(Length, Windows);
        var sent = Evaluate(null, buffers);
        var joint = (float[])buffers.Joint.Clone();
        var path = LagPath.Trace(joint, Windows, CausalFirst, CausalCount);
        var channelDelay = new double[7];
        var familyDelay = new double[4];
        for (var c = 0; c < 7; c++)
            channelDelay[c] = _searches[c] is null ? double.NaN : _windows.MedianDelay(buffers.Channels[c]);
        for (var f = 0; f < 4; f++)
            familyDelay[f] = _windows.MedianDelay(buffers.Families[f]);
        Estimate[] familyLag = [.. buffers.Families.Select(_windows.LagOf)];
        Estimate[] channelLag = [.. buffers.Channels.Select((z, c) => _searches[c] is null ? Estimate.None : _windows.LagOf(z))];

        // A path that does not depend on a channel's own code keeps the sent code and the re-draws of that channel exchangeable.
        var withoutOwn = new int[7][];
        foreach (var c in Enumerable.Range(0, 7).Where(c => _searches[c] is not null
            && CodeLaw.ChipFrames((Channel)c) is > 0 and <= ShortChip))
        {
            var others = (float[])joint.Clone();
            System.Numerics.Tensors.TensorPrimitives.Subtract(others, buffers.Channels[c], others);
            withoutOwn[c] = LagPath.Trace(others, Windows, CausalFirst, CausalCount);
        }
        sent = sent with { Together = Along(withoutOwn, buffers) };

        var results = new FastStatistics[redraws];
        var nullScores = new List<float>();
        var done = 0;
        foreach (var upTo in FastStatistics.Stops(redraws))
        {
            if (done > 0 && FastStatistics.Enough(stop, sent, results.AsSpan(0, done)))
                break;
            Parallel.For(done, upTo, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancel },
                () => new Buffers(Length, Windows),
                (k, _, own) =>
                {
                    results[k] = Evaluate(new CodeDraw("redraw", k), own);
                    results[k] = results[k] with { Together = Along(withoutOwn, own) };
                    if (k < 24)
                    {
                        var scores = _windows.PathScores(own.Joint);
                        lock (nullScores)
                            nullScores.AddRange(scores);
                    }
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
        var lockedLags = Enumerable.Range(0, Windows)
            .Where(w => _windows.Covered(w, path[w]) && joint[w * LagSearch.Lags + CausalFirst + path[w]] > threshold)
            .Select(w => path[w]).Order().ToArray();
        var usual = lockedLags.Length > 0 ? lockedLags[lockedLags.Length / 2] : 0;
        for (var w = 0; w < Windows; w++)
        {
            var score = joint[w * LagSearch.Lags + CausalFirst + path[w]];
            if (!_windows.Covered(w, path[w]) || !_windows.Covered(w, usual))
                continue;
            usable++;
            locked += score > threshold ? 1 : 0;
            windows.Add(new LagWindow(_windows.TimeOf(w), _windows.DelayOf(w, path[w]), score, score > threshold));
        }
        var redrawn = results.Select(r => r.Joint).ToArray();
        return new FastFindings
        {
            Joint = NullTest.Of(sent.Joint, redrawn),
            Families = families,
            Channels = channels,
            Together = [.. Enumerable.Range(0, 7).Select(c => withoutOwn[c] is null
                ? NullTest.None
                : NullTest.Of(sent.Together[c], [.. results.Select(r => r.Together[c])]))],
            Acausal = NullTest.Of(sent.Acausal, [.. results.Select(r => r.Acausal)]),
            ChannelDelay = channelDelay,
            FamilyDelay = familyDelay,
            FamilyLag = familyLag,
            ChannelLag = channelLag,
            JointLag = _windows.LagOf(joint),
            Kappa = _windows.Kappa,
            Path = [.. windows],
            Lock = usable > 0 ? (double)locked / usable : 0,
            LockWindows = usable * (double)_windows.Hop / _windows.Window,
            WindowSeconds = (double)_windows.Window / CodeLaw.Rate,
            Redraws = redrawn,
            Statistic = sent.Joint,
            Heat = _windows.HeatMap(joint),
            HeatLags = CausalCount / 2,
        };
    }

    /// <summary>
    /// Joint and region alone, with K re-draws for a p-value smaller than the whole test allows. Stops at the first re-draw at or above
    /// either statistic (at the joint one if it counts <paramref name="alone"/>): a larger p is of no use to a caller that needs so many.
    /// </summary>
    public (NullTest Joint, NullTest Region) Certain(int redraws, int threads, CancellationToken cancel, bool alone = false)
    {
        // Where nothing answers, the first few re-draws end it.
        var batch = alone ? 25 : 250;
        var sent = Evaluate(null, new Buffers(Length, Windows), brief: true);
        var (joint, region) = (new double[redraws], new double[redraws]);
        var done = 0;
        for (var above = false; done < redraws && !above;)
        {
            var upTo = Math.Min(redraws, done + batch);
            Parallel.For(done, upTo, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancel },
                () => new Buffers(Length, Windows),
                (k, _, own) =>
                {
                    var drawn = Evaluate(new CodeDraw("redraw", k), own, brief: true);
                    (joint[k], region[k]) = (drawn.Joint, drawn.Families[(int)Family.Region]);
                    return own;
                },
                _ => { });
            above = joint.AsSpan(done, upTo - done).ContainsAnyInRange(sent.Joint, double.MaxValue)
                || (!alone && region.AsSpan(done, upTo - done).ContainsAnyInRange(sent.Families[(int)Family.Region], double.MaxValue));
            done = upTo;
        }
        return (NullTest.Of(sent.Joint, joint.AsSpan(0, done)), NullTest.Of(sent.Families[(int)Family.Region], region.AsSpan(0, done)));
    }

    private static float Quantile(List<float> values, double q)
    {
        values.Sort();
        return values.Count == 0 ? float.PositiveInfinity : values[(int)(q * (values.Count - 1))];
    }

    /// <summary>All statistics of a code; when <paramref name="brief"/>, joint and region alone.</summary>
    private FastStatistics Evaluate(CodeDraw? draw, Buffers own, bool brief = false)
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
                _null.Standardise(c, w, z.AsSpan(w * LagSearch.Lags, LagSearch.Lags));
            System.Numerics.Tensors.TensorPrimitives.Add(own.Joint, z, own.Joint);
            if ((Channel)c is Channel.G or Channel.R or Channel.C or Channel.M)
                System.Numerics.Tensors.TensorPrimitives.Add(own.Fast, z, own.Fast);
            if (brief && CodeLaw.FamilyOf((Channel)c) != Family.Region)
                continue;
            channels[c] = brief ? 0 : LagPath.Score(z, Windows, CausalFirst, CausalCount);
            var family = own.Families[(int)CodeLaw.FamilyOf((Channel)c)];
            System.Numerics.Tensors.TensorPrimitives.Add(family, z, family);
        }
        return new FastStatistics(
            LagPath.Score(own.Joint, Windows, CausalFirst, CausalCount),
            [.. own.Families.Select((z, f) => brief && f != (int)Family.Region
                ? 0
                : (double)LagPath.Score(z, Windows, CausalFirst, CausalCount))],
            channels,
            brief ? 0 : LagPath.Score(own.Fast, Windows, 0, AcausalCount));
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
