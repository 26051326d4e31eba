using System.Globalization;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Trials;

/// <summary>
/// One session of codes during which the input comes at other rates, packets are lost, and the uplink is cut again and again. What a kind
/// of target cannot do is left out and told.
/// </summary>
internal sealed class StressTrial(TrialOptions options, TrialSetting setting)
{
    private const double Calm = 20;
    private const double Bad = 15;
    private const double Cut = 3;
    private const double Watched = 9;
    private const double AfterCut = Watched + Following.Sustained;
    private const int Cuts = 5;

    // Seconds at the beginning of a stretch that are not judged: what was sent before still comes back.
    private const double Settling = 3;

    /// <summary>How long it takes.</summary>
    public const double Seconds = Calm + 5 * Bad + Cuts * (Cut + AfterCut);

    private static readonly (string Name, int Rate, double Loss)[] Stretches =
        [("rate15", 15, 0), ("rate60", 60, 0), ("loss2", 30, 0.02), ("loss5", 30, 0.05)];

    private readonly TrialOutcome _outcome = new(TrialKind.Stress);
    private readonly List<(string Name, int First, int End)> _done = [];
    private readonly List<(int First, int End)> _cuts = [];
    private bool _cutting;

    public async Task<(TrialOutcome, TrialSection)> RunAsync()
    {
        var plan = new StimulusPlan(setting.SeedOf("stress"), setting.Amplitude);
        plan.Append(PhaseKind.Fast, Seconds);
        string? ended = null;
        try
        {
            await using var lane = await TrialLane.OpenAsync(options.Open(), setting, setting.Stop).ConfigureAwait(false);
            var sender = new TrialSender([lane], setting);
            sender.Begin(lane.Drawing(plan));
            try
            {
                await SendAsync(lane.Target, sender).ConfigureAwait(false);
            }
            catch (Exception over) when (setting.WhyOver(over) is { } why)
            {
                ended = why;
                _cutting &= over is TargetException;
            }
            var seen = lane.Seen();
            // The analysis may take minutes, and an open session may be paid by the second.
            await lane.DisposeAsync().ConfigureAwait(false);
            return sender.Invalid is { } reason ? Nothing(reason, "invalid") : Judge(plan, seen, ended);
        }
        catch (Exception over) when (setting.WhyOver(over) is { } why)
        {
            return Nothing(why, "not tested");
        }
    }

    private async Task SendAsync(IProbeTarget target, TrialSender sender)
    {
        await StretchAsync("calm", 30, Calm).ConfigureAwait(false);
        foreach (var (name, rate, loss) in Stretches)
        {
            if (!target.TakesRate(rate))
            {
                NotPossible(name);
                continue;
            }
            if (loss > 0 && !target.Impair(new LineState(loss, false)))
            {
                NotPossible(name);
                continue;
            }
            await StretchAsync(name, rate, Bad).ConfigureAwait(false);
            target.Impair(LineState.Good);
        }
        if (!target.Impair(LineState.Good))
        {
            NotPossible("cut");
            return;
        }
        await sender.SendAsync((int)(Bad * CodeLaw.Rate), CodeLaw.Rate).ConfigureAwait(false);
        for (var k = 0; k < Cuts; k++)
        {
            setting.Say?.Invoke(FormattableString.Invariant($"cutting the uplink for {Cut:0} s, {k + 1} of {Cuts}"));
            var first = sender.Frame;
            _cutting = true;
            target.Impair(LineState.Good with { UplinkCut = true });
            await sender.SendAsync((int)(Cut * CodeLaw.Rate), CodeLaw.Rate).ConfigureAwait(false);
            target.Impair(LineState.Good);
            var end = sender.Frame;
            await sender.SendAsync((int)(AfterCut * CodeLaw.Rate), CodeLaw.Rate).ConfigureAwait(false);
            _cuts.Add((first, end));
            _cutting = false;
        }

        async Task StretchAsync(string name, int rate, double seconds)
        {
            setting.Say?.Invoke($"stress: {name}");
            var first = sender.Frame;
            await sender.SendAsync((int)(seconds * CodeLaw.Rate), rate).ConfigureAwait(false);
            _done.Add((name, first, sender.Frame));
        }
    }

    private (TrialOutcome, TrialSection) Judge(StimulusPlan plan, Observation seen, string? ended)
    {
        if (ended is not null)
            _outcome.Notes.Add("The session ended before all was tried: " + ended);
        if (_done.Count == 0 || seen.Count < 60)
            return Nothing(ended ?? "too little came back", "not measured");
        var found = ProbeAnalysis.Analyse(plan, seen, setting.Effort, CancellationToken.None);
        var map = found.Map is { Reliable: true } ? found.Map : null;
        var frozen = new FrozenTime(seen, seen.Sent[_done[0].First] + Settling, At(seen, _done[0].End));
        foreach (var (name, first, end) in _done)
        {
            var (from, to) = (seen.Sent[first] + Settling, At(seen, end));
            _outcome.Add($"{name}.frozen", 100 * frozen.Share(from, to), "%",
                "share of the stretch in which no new picture came for three usual gaps or 150 ms more than one", (int)(to - from));
            _outcome.Add($"{name}.delay", map is null ? Estimate.None : Delay(map, from, to), 1000, "ms",
                "median over seconds of the stretch, frame by frame");
        }
        if (map is null)
            _outcome.Notes.Add("The output does not answer the codes frame by frame, so neither delay nor recovery was measured.");
        if (_cuts.Count > 0)
        {
            var seconds = _cuts.Select(c => frozen.Seconds(seen.Sent[c.First], Math.Min(seen.Times[^1], seen.Sent[c.End] + AfterCut)));
            _outcome.Add("cut.frozen", Intervals.QuantileInterval(seconds, 0.5), 1, "s",
                $"median over cuts of {Cut} s: without a new picture, from the cut to {AfterCut} s after its end");
        }
        if (_cuts.Count > 0 || _cutting)
            JudgeCuts(seen, map);
        return (_outcome, _outcome.Section(ended is null ? "measured" : "in part", Sentence()));
    }

    private void JudgeCuts(Observation seen, FrameMap? map)
    {
        var times = Array.Empty<double>();
        if (map is not null && _outcome.Metrics["stress.calm.delay"] is { Value: { } calm })
        {
            var following = new Following(map);
            times = [.. _cuts.Select(c => following.Begins(calm / 1000, seen.Sent[c.End], seen.Sent[c.End] + Watched, c.End)
                - seen.Sent[c.End])];
        }
        // A session that is over before the time to recover is has not recovered, whether its codes could be read or not.
        var tried = times.Length + (_cutting ? 1 : 0);
        var lost = times.Count(double.IsNaN) + (_cutting ? 1 : 0);
        if (lost > 0)
        {
            _outcome.Add("cut.unrecovered", lost, "1", $"cuts after which the session ended or the output did not follow at the usual " +
                $"delay within {Watched} s", tried);
            _outcome.Missing("cut.recovery", "s", $"not measured: after {lost} of {tried} cuts the output did not recover in time");
            return;
        }
        var why = times.Length == 0 ? "not measured: the output does not answer the codes frame by frame"
            : $"not measured: {times.Length} of {Cuts} cuts were tried, and after none of these the output was lost";
        if (times.Length < Cuts)
        {
            _outcome.Missing("cut.unrecovered", "1", why);
            _outcome.Missing("cut.recovery", "s", why);
            return;
        }
        _outcome.Add("cut.unrecovered", 0, "1", $"cuts after which the output did not follow at the usual delay within {Watched} s",
            times.Length);
        _outcome.Add("cut.recovery", Intervals.QuantileInterval(times, 0.5), 1, "s",
            "median, from the end of the cut to the first picture at the usual delay and at most a tenth");
    }

    /// <summary>The median over seconds: pictures of the same second are not independent.</summary>
    private static Estimate Delay(FrameMap map, double from, double to) => Intervals.QuantileInterval(
        Enumerable.Range(0, map.Input.Count).Where(i => map.Time(i) >= from && map.Time(i) < to)
            .GroupBy(i => (int)map.Time(i)).Select(g => g.Select(i => map.Delay[i]).Order().ElementAt(g.Count() / 2)), 0.5);

    private static double At(Observation seen, int frame) => seen.Sent[Math.Min(frame, seen.Sent.Count) - 1];

    private void NotPossible(string name)
    {
        foreach (var (what, unit) in name == "cut" ? [("recovery", "s"), ("unrecovered", "1"), ("frozen", "s")]
            : new[] { ("frozen", "%"), ("delay", "ms") })
            _outcome.Missing($"{name}.{what}", unit, "not possible with this kind of target");
        _outcome.Notes.Add($"{name}: not possible with this kind of target.");
    }

    private (TrialOutcome, TrialSection) Nothing(string why, string result)
    {
        _outcome.Notes.Clear();
        foreach (var name in new[] { "cut.recovery", "cut.unrecovered" })
            _outcome.Missing(name, name.EndsWith("recovery", StringComparison.Ordinal) ? "s" : "1", $"{result}: {why}");
        return (_outcome, _outcome.Section(result, $"Stress was not measured: {why.TrimEnd('.')}."));
    }

    private string Sentence()
    {
        var frozen = _done.Skip(1).Select(d => (d.Name, Share: _outcome.Metrics[$"stress.{d.Name}.frozen"].Value))
            .Where(d => d.Share is not null)
            .Select(d => string.Create(CultureInfo.InvariantCulture, $"{d.Name} {d.Share:0.#} %")).ToArray();
        var recovery = _outcome.Metrics.GetValueOrDefault("stress.cut.recovery");
        return (frozen.Length > 0 ? $"Frozen: {string.Join(", ", frozen)}. " : "") + (recovery switch
        {
            { Value: { } s } => string.Create(CultureInfo.InvariantCulture,
                $"Follows again {s:0.0} s after a cut of {Cut:0} s (median, n = {recovery.N})."),
            { Method: { } why } => $"Recovery after a cut: {why}.",
            _ => "No cut was tried.",
        });
    }
}
