using System.Numerics.Tensors;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>The response to one event of a slow, control or blackout phase.</summary>
/// <param name="Sent">Seconds at which the event was sent.</param>
/// <param name="State">+1 or -1 after the event.</param>
/// <param name="Delay">Seconds to the change in the output; NaN when none was found.</param>
/// <param name="FirstFrame">Output frame (since the session's start) at which it changed; -1 when none.</param>
public readonly record struct EventResponse(double Sent, int State, double Delay, int FirstFrame);

/// <summary>What a telegraph phase shows.</summary>
public sealed class EventFindings
{
    /// <summary>Dependence of the output on the telegraph.</summary>
    public NullTest Test { get; init; } = NullTest.None;

    /// <summary>Lag of the best read-out, seconds.</summary>
    public double Lag { get; init; } = double.NaN;

    /// <summary>Cross-validated correlation of the decoded telegraph.</summary>
    public double Correlation { get; init; }

    /// <summary>Each event with its response.</summary>
    public EventResponse[] Events { get; init; } = [];

    /// <summary>Delays of the events that were answered.</summary>
    public IEnumerable<double> Delays => Events.Where(e => !double.IsNaN(e.Delay)).Select(e => e.Delay);
}

/// <summary>Tests whether, when and how finely the output answers a two-state signal, by re-drawn telegraphs.</summary>
internal static class EventTest
{
    private const int Rate = 5;
    private const int LagCount = 12 * Rate + 1;

    /// <summary>
    /// Seconds by which the delay grows per second: a generator that runs ahead of its prompts blurs a constant lag away.
    /// </summary>
    private static readonly double[] Growths = [0, 0.01, 0.02, 0.04];

    /// <summary>Runs the test on one phase.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="phaseIndex">Which phase.</param>
    /// <param name="seen">What came back.</param>
    /// <param name="even">De-burst times.</param>
    /// <param name="spatialOnly">Uses only read-outs that mean light cannot move.</param>
    /// <param name="redraws">Re-draws K.</param>
    public static EventFindings Run(StimulusPlan plan, int phaseIndex, Observation seen, double[] even, bool spatialOnly, int redraws)
    {
        var phase = plan.Phases[phaseIndex];
        var last = Math.Min(phase.EndFrame, seen.Sent.Count) - 1;
        if (last <= phase.FirstFrame || seen.Count < 60)
            return new EventFindings();
        var start = seen.Sent[phase.FirstFrame];
        var end = Math.Min(seen.Sent[last], seen.Times[^1]);
        var length = (int)((end - start) * Rate);
        if (length < 8 * Rate)
            return new EventFindings();
        var half = (int)(8 * Rate * Math.Max(1, phase.DwellLongest / 6));
        var grid = Timeline.Resample(seen, even, start, length, Rate);
        var conditioned = spatialOnly ? ChannelReadouts.Spatial(grid, half) : ChannelReadouts.Conditioned(grid, half);
        var components = Signals.PrincipalComponents(conditioned, Math.Min(16, Math.Max(4, length / 20)));
        var frameAt = Timeline.NewestSent(seen.Sent, start, length, Rate);
        var growths = phase.Kind == PhaseKind.Control ? Growths : [0];
        var sums = components.Select(Sums).ToArray();
        var (statistic, lag, growth) = Best(null);
        var others = new double[redraws];
        for (var k = 0; k < redraws; k++)
            others[k] = Best($"redraw{k}/").Statistic;
        var test = NullTest.Of(statistic, others);
        return test.ForRules > 0.05
            ? new EventFindings { Test = test, Lag = (double)lag / Rate }
            : Locate(plan, phaseIndex, seen, test, (double)lag / Rate, growth, spatialOnly, start, end);

        // Every growth is searched for the re-draws as well, so the p-value stays exact.
        (double Statistic, int Lag, double Growth) Best(string? draw)
        {
            var telegraph = plan.TelegraphOf(phase, phaseIndex, draw);
            var best = (Statistic: double.MinValue, Lag: 0, Growth: 0.0);
            foreach (var g in growths)
            {
                var (value, at) = BestLag(components, sums, Sample(telegraph, frameAt, phase, g));
                if (value > best.Statistic)
                    best = (value, at, g);
            }
            return best;
        }
    }

    private static float[] Sample(float[] telegraph, int[] frameAt, Phase phase, double growth)
    {
        var code = new float[frameAt.Length];
        for (var g = 0; g < code.Length; g++)
        {
            var j = frameAt[(int)(g * (1 - growth))] - phase.FirstFrame;
            code[g] = j >= 0 && j < telegraph.Length ? telegraph[j] : 0;
        }
        return code;
    }

    /// <summary>Sum of a component from each lag to its end: the same for every code.</summary>
    private static float[] Sums(float[] component)
    {
        var sums = new float[Math.Min(LagCount, component.Length)];
        for (var lag = 0; lag < sums.Length; lag++)
            sums[lag] = TensorPrimitives.Sum<float>(component.AsSpan(lag));
        return sums;
    }

    private static (double Statistic, int Lag) BestLag(float[][] components, float[][] sums, float[] code)
    {
        var (best, at) = (0.0, 0);
        for (var lag = 0; lag < LagCount; lag++)
        {
            var n = code.Length - lag;
            if (n < code.Length / 2)
                break;
            var part = code.AsSpan(0, n);
            var sum = TensorPrimitives.Sum<float>(part);
            var variance = n - sum * sum / n;
            if (variance < 0.1 * n)
                continue;
            double energy = 0;
            for (var c = 0; c < components.Length; c++)
            {
                var covariance = TensorPrimitives.Dot<float>(components[c].AsSpan(lag, n), part) - sums[c][lag] * sum / n;
                energy += (double)covariance * covariance / variance;
            }
            if (energy > best)
                (best, at) = (energy, lag);
        }
        return (best, at);
    }

    private static EventFindings Locate(
        StimulusPlan plan, int phaseIndex, Observation seen, NullTest test, double firstLag, double growth, bool spatialOnly,
        double start, double end)
    {
        var phase = plan.Phases[phaseIndex];
        var first = Timeline.LowerBound(seen.Times, start);
        var count = Timeline.LowerBound(seen.Times, end) - first;
        if (count < 80)
            return new EventFindings { Test = test, Lag = firstLag };
        var fps = (count - 1) / Math.Max(0.1, seen.Times[first + count - 1] - seen.Times[first]);
        var raw = new float[FeatureExtractor.Count][];
        for (var f = 0; f < raw.Length; f++)
        {
            raw[f] = new float[count];
            for (var i = 0; i < count; i++)
                raw[f][i] = seen.Features(first + i)[f];
        }
        var half = (int)(8 * fps * Math.Max(1, phase.DwellLongest / 6));
        var features = spatialOnly ? ChannelReadouts.Spatial(raw, half) : ChannelReadouts.Conditioned(raw, half);
        var telegraph = plan.TelegraphOf(phase, phaseIndex);
        var target = new float[count];
        for (var i = 0; i < count; i++)
        {
            var j = Timeline.LowerBound(seen.Sent, seen.Times[first + i] - LagAt(seen.Times[first + i])) - 1 - phase.FirstFrame;
            target[i] = j >= 0 && j < telegraph.Length ? telegraph[j] : 0;
        }
        var (decoded, correlation) = RidgeDecoder.Decode(features, [target])[0];
        var events = EventsOf(plan, phase, telegraph, seen);
        var responses = new List<EventResponse>();
        for (var e = 0; e < events.Count; e++)
        {
            var (sent, state) = events[e];
            var lag = LagAt(sent + firstLag);
            var before = e > 0 ? sent - events[e - 1].Sent : sent - start + 1;
            var after = e + 1 < events.Count ? events[e + 1].Sent - sent : end - sent;
            // A burst may bring the answer with the very first frame after the event, so the window begins a little before it.
            var from = Math.Max(sent - 0.5, sent + lag - 0.55 * before);
            var to = sent + lag + 0.55 * after;
            if (to > end - 0.3)
                continue;
            responses.Add(ChangePoint(seen, first, decoded, sent, state, from, to, correlation));
        }
        return new EventFindings { Test = test, Lag = firstLag, Correlation = correlation, Events = [.. responses] };

        double LagAt(double time) => firstLag + growth * (time - start);
    }

    private static List<(double Sent, int State)> EventsOf(StimulusPlan plan, Phase phase, float[] telegraph, Observation seen)
    {
        var events = new List<(double, int)>();
        if (phase.Kind == PhaseKind.Control)
        {
            // The first prompt of the phase sets the state; the toggles after it are the events.
            for (var k = 0; k < plan.Prompts.Count && k < seen.PromptSent.Count; k++)
            {
                var prompt = plan.Prompts[k];
                if (prompt.Frame > phase.FirstFrame && prompt.Frame < phase.EndFrame)
                    events.Add((seen.PromptSent[k], prompt.State));
            }
            return events;
        }
        for (var n = 1; n < telegraph.Length && phase.FirstFrame + n < seen.Sent.Count; n++)
        {
            if (telegraph[n] != telegraph[n - 1])
                events.Add((seen.Sent[phase.FirstFrame + n], (int)telegraph[n]));
        }
        return events;
    }

    private static EventResponse ChangePoint(
        Observation seen, int first, float[] decoded, double sent, int state, double from, double to, double correlation)
    {
        var a = Math.Max(first, Timeline.LowerBound(seen.Times, from));
        var b = Math.Min(first + decoded.Length, Timeline.LowerBound(seen.Times, to));
        if (b - a < 6)
            return new EventResponse(sent, state, double.NaN, -1);
        var (running, least, at) = (0.0, 0.0, a);
        for (var i = a; i < b; i++)
        {
            running += state * decoded[i - first];
            if (running < least)
                (least, at) = (running, i + 1);
        }
        double before = 0, after = 0;
        for (var i = a; i < b; i++)
        {
            if (i < at)
                before += state * decoded[i - first];
            else
                after += state * decoded[i - first];
        }
        var step = (at < b ? after / (b - at) : 0) - (at > a ? before / (at - a) : 0);
        // A decoded two-state signal of unit variance steps by about 2 r; a step of less than half of that is no answer.
        return at <= a || at >= b || step < correlation
            ? new EventResponse(sent, state, double.NaN, -1)
            : new EventResponse(sent, state, seen.Times[at] - sent, at);
    }
}
