using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>For each output frame of the fast phase, the input frame it depicts and its delay.</summary>
public sealed class FrameMap
{
    private const int Reach = 50;
    private const int States = 2 * Reach + 1;
    private const float JumpCost = 7;
    private const int LongestStep = 8;

    private readonly double[] _times;

    private FrameMap(int first, int[] input, double[] times, double[] delay, double[] correlation, float[] agreement)
    {
        (FirstOutput, Input, _times, Delay, Correlation, Agreement) = (first, input, times, delay, correlation, agreement);
    }

    /// <summary>Output frame of the first entry.</summary>
    public int FirstOutput { get; }

    /// <summary>Input frame per output frame.</summary>
    public IReadOnlyList<int> Input { get; }

    /// <summary>Presentation minus sending, seconds.</summary>
    public IReadOnlyList<double> Delay { get; }

    /// <summary>Presentation time of an entry, seconds.</summary>
    public double Time(int entry) => _times[entry];

    /// <summary>Cross-validated correlation of each channel's decoder.</summary>
    public IReadOnlyList<double> Correlation { get; }

    /// <summary>How well each output frame's decoded codes agree with those of its input frame; about 0 where it shows none.</summary>
    internal IReadOnlyList<float> Agreement { get; }

    /// <summary>Whether at least two channels decode with r of 0.5: a single channel cannot follow a path frame by frame.</summary>
    public bool Reliable => Correlation.Count(r => r >= 0.5) >= 2;

    /// <summary>Builds the map along a lag path; null when fewer than three windows are locked.</summary>
    internal static FrameMap? Build(StimulusPlan plan, int phaseIndex, Observation seen, double[] even, FastFindings fast)
    {
        var locked = fast.Path.Where(w => w.Locked).ToArray();
        if (locked.Length < 3)
            return null;
        var phase = plan.Phases[phaseIndex];
        var last = Math.Min(phase.EndFrame, seen.Sent.Count) - 1;
        var first = Timeline.LowerBound(even, seen.Sent[phase.FirstFrame] + locked.Min(w => w.Lag));
        var end = Timeline.LowerBound(even, seen.Sent[last]);
        var count = end - first;
        if (count < 120)
            return null;
        var fps = (count - 1) / Math.Max(0.1, even[end - 1] - even[first]);
        var features = Conditioned(seen, first, count, (int)Math.Round(fps));
        var codes = plan.Codes(phase, phaseIndex)!;
        var guess = new int[count];
        var window = 0;
        for (var i = 0; i < count; i++)
        {
            var t = even[first + i];
            while (window + 1 < locked.Length && Math.Abs(locked[window + 1].Time - t) <= Math.Abs(locked[window].Time - t))
                window++;
            var lag = locked[window].Lag + (t - locked[window].Time) * fast.Kappa;
            guess[i] = Math.Clamp(Timeline.LowerBound(seen.Sent, t - lag + 0.01) - 1, phase.FirstFrame, last);
        }
        var input = guess;
        var correlation = new double[7];
        var agreement = new float[count];
        for (var round = 0; round < 2; round++)
        {
            var targets = codes.Select(code => Targets(code, input, phase.FirstFrame)).ToArray();
            var decoded = RidgeDecoder.Decode(features, targets);
            correlation = [.. decoded.Select(d => d.Correlation)];
            input = BestPath(guess, even, first, codes, decoded, phase.FirstFrame, last + 1 - phase.FirstFrame, 1 - fast.Kappa);
            for (var i = 0; i < count; i++)
                agreement[i] = Evidence(0, codes, decoded, i, input[i] - phase.FirstFrame);
        }
        var (times, delay) = (new double[count], new double[count]);
        for (var i = 0; i < count; i++)
        {
            times[i] = seen.Times[first + i];
            delay[i] = times[i] - seen.Sent[input[i]];
        }
        return new FrameMap(first, input, times, delay, correlation, agreement);
    }

    internal static float[][] Conditioned(Observation seen, int first, int count, int half)
    {
        var features = new float[FeatureExtractor.Count][];
        for (var f = 0; f < features.Length; f++)
            features[f] = new float[count];
        for (var i = 0; i < count; i++)
        {
            var row = seen.Features(first + i);
            for (var f = 0; f < features.Length; f++)
                features[f][i] = row[f];
        }
        return ChannelReadouts.Conditioned(features, half);
    }

    private static float Evidence(
        float score, float[]?[] codes, (float[] Decoded, double Correlation)[] decoded, int output, int input)
    {
        for (var c = 0; c < 7; c++)
        {
            if (codes[c] is { } code && decoded[c].Correlation > 0.1)
            {
                var r = (float)Math.Min(0.95, decoded[c].Correlation);
                score += 0.5f * r / (1 - r * r) * decoded[c].Decoded[output] * code[input];
            }
        }
        return score;
    }

    private static float[] Targets(float[]? code, int[] input, int firstFrame)
    {
        var targets = new float[input.Length];
        for (var i = 0; code is not null && i < input.Length; i++)
            targets[i] = code[input[i] - firstFrame];
        return targets;
    }

    private static int[] BestPath(
        int[] guess, double[] even, int first, float[]?[] codes, (float[] Decoded, double Correlation)[] decoded, int firstFrame,
        int frames, double rate)
    {
        var count = guess.Length;
        var best = new float[States];
        var next = new float[States];
        var from = new short[count * States];
        var costs = new float[LongestStep + 1];
        for (var i = 0; i < count; i++)
        {
            var moved = i == 0 ? 0 : guess[i] - guess[i - 1];
            var step = i == 0 ? 1 : (even[first + i] - even[first + i - 1]) * CodeLaw.Rate * rate;
            for (var d = 0; d <= LongestStep; d++)
                costs[d] = d == 1 || (d > 0 && Math.Abs(d - step) < 1) ? 0 : d == 0 ? 0.5f + (float)Math.Min(2, 0.3 * step)
                    : 1 + 0.7f * (float)Math.Abs(d - step);
            var top = 0;
            for (var s = 1; s < States; s++)
            {
                if (best[s] > best[top])
                    top = s;
            }
            for (var s = 0; s < States; s++)
            {
                var j = guess[i] + s - Reach - firstFrame;
                if (j < 0 || j >= frames)
                {
                    next[s] = -1e9f;
                    continue;
                }
                var (score, source) = (best[top] - JumpCost, top);
                for (var d = 0; i > 0 && d <= LongestStep; d++)
                {
                    var before = s + moved - d;
                    if (before >= 0 && before < States && best[before] - costs[d] > score)
                        (score, source) = (best[before] - costs[d], before);
                }
                next[s] = Evidence(score, codes, decoded, i, j);
                from[i * States + s] = (short)source;
            }
            (best, next) = (next, best);
        }
        var at = 0;
        for (var s = 1; s < States; s++)
        {
            if (best[s] > best[at])
                at = s;
        }
        var input = new int[count];
        for (var i = count - 1; i >= 0; i--)
        {
            input[i] = Math.Clamp(guess[i] + at - Reach, firstFrame, firstFrame + frames - 1);
            at = from[i * States + at];
        }
        return input;
    }
}
