using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Trials;

/// <summary>
/// Two sessions at once, each with codes of its own: does the output of one answer the codes of the other? Both are sent from one loop, so
/// that neither is late against the other.
/// </summary>
internal sealed class PairTrial(TrialOptions options, TrialSetting setting)
{
    private const double Warmup = 2;
    private const double Coded = 30;

    // Two tests at p 0.001 together, by Holm, need this many; far from chance or near to it, fewer do.
    private const int Redraws = 1999;
    private const int FirstRedraws = 99;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>How long it takes.</summary>
    public static double Seconds => Warmup + Coded + 2 * Patience.TotalSeconds;

    private readonly TrialOutcome _outcome = new(TrialKind.Pair);

    public async Task<(TrialOutcome, TrialSection)> RunAsync()
    {
        if (options.MostSessions < 2)
            return NotTested("the requirement allows one session at a time");
        try
        {
            await using var first = await TrialLane.OpenAsync(options.Open(), setting, setting.Stop).ConfigureAwait(false);
            setting.Say?.Invoke("opening a second session beside the first");
            using var late = new CancellationTokenSource(Patience, setting.Time);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(setting.Stop, late.Token);
            TrialLane opened;
            try
            {
                opened = await TrialLane.OpenAsync(options.Open(), setting, patience.Token).ConfigureAwait(false);
            }
            catch (Exception refused) when (refused is TargetException || (refused is OperationCanceledException
                && !setting.Stop.IsCancellationRequested))
            {
                return NotTested("the target gave no second place: " + (refused is TargetException ? refused.Message
                    : FormattableString.Invariant($"none within {Patience.TotalSeconds:0} s.")));
            }
            await using var second = opened;
            return await MeasureAsync(first, second).ConfigureAwait(false);
        }
        catch (Exception over) when (setting.WhyOver(over) is { } why)
        {
            return NotTested(why);
        }
    }

    private async Task<(TrialOutcome, TrialSection)> MeasureAsync(TrialLane first, TrialLane second)
    {
        StimulusPlan[] plans = [Plan("pair a"), Plan("pair b")];
        var sender = new TrialSender([first, second], setting);
        sender.Begin(first.Drawing(plans[0]), second.Drawing(plans[1]));
        await sender.SendAsync(plans[0].Frames.Count, CodeLaw.Rate).ConfigureAwait(false);
        if (sender.Invalid is { } reason)
            return NotTested(reason, "invalid");
        Observation[] seen = [first.Seen(), second.Seen()];
        // The analysis may take minutes, and open sessions may be paid by the second.
        await second.DisposeAsync().ConfigureAwait(false);
        await first.DisposeAsync().ConfigureAwait(false);
        if (seen.Any(s => s.Count < 30))
            return NotTested("one of the two sessions gave no picture back");
        setting.Say?.Invoke("looking for the codes of each session in the other");
        ProbeFindings[] own = [.. seen.Select((s, k) => ProbeAnalysis.Analyse(plans[k], s, setting.Effort, setting.Stop))];
        NullTest[] foreign = [Foreign(plans[1], seen[0]), Foreign(plans[0], seen[1])];
        var answered = own.All(o => ProbeAnalysis.Dependent(o.Fast));
        var least = foreign[0].ForRules <= foreign[1].ForRules ? foreign[0] : foreign[1];
        var leaks = foreign.Count(f => f.ForRules <= 0.0005);
        // With Holm the larger of two p-values is held against the whole level once the smaller has passed at half of it.
        leaks += leaks == 1 && foreign.Max(f => f.ForRules) <= 0.001 ? 1 : 0;
        _outcome.Add("leak_p", least with { P = Math.Min(1, 2 * least.ForRules) },
            "randomisation, codes of the other session; the smaller of both, by Holm");
        const string Leaks = "sessions whose output answers the codes of the other, p 0.001 by Holm";
        if (answered || leaks > 0)
            _outcome.Add("leak", leaks, "1", Leaks, 2);
        else
            _outcome.Missing("leak", "1", "cannot be told: the outputs do not answer their own codes either");
        var slower = own.MaxBy(o => o.D50.Measured ? o.D50.Value : double.NegativeInfinity)!;
        _outcome.Add("delay.D50", own.All(o => o.D50.Measured) ? slower.D50 : Estimate.None, 1000, "ms",
            "the slower of two sessions at once");
        _outcome.Add("fps.generated", own.Min(o => o.Cadence.Generated), "Hz", "the lesser of two sessions at once",
            own.Min(o => o.Cadence.Frames));
        return (_outcome, _outcome.Section("measured", leaks > 0
            ? $"A leak: in {leaks} of 2 sessions at once the output answers the codes of the other."
            : answered ? "Two sessions at once: neither output answers the codes of the other."
            : "Two sessions at once; whether one shows in the other cannot be told, since they do not answer their own codes either."));
    }

    private NullTest Foreign(StimulusPlan plan, Observation seen)
    {
        // Only the times of sending are needed, and both sessions have the same.
        var test = FastTest.Of(plan, 1, seen, Timeline.DeBurst(seen.Times));
        var first = test.Certain(FirstRedraws, setting.Threads, setting.Stop, alone: true).Joint;
        return first.Z >= NullTest.SurelyZ || first.K < FirstRedraws || first.P > 1.5 / (FirstRedraws + 1)
            ? first
            : test.Certain(Redraws, setting.Threads, setting.Stop, alone: true).Joint;
    }

    private StimulusPlan Plan(string purpose)
    {
        var plan = new StimulusPlan(setting.SeedOf(purpose), setting.Amplitude);
        plan.Append(PhaseKind.Warmup, Warmup);
        plan.Append(PhaseKind.Fast, Coded);
        return plan;
    }

    private (TrialOutcome, TrialSection) NotTested(string why, string result = "not tested")
    {
        foreach (var name in new[] { "leak", "leak_p" })
            _outcome.Missing(name, "1", $"{result}: {why}");
        return (_outcome, _outcome.Section(result, $"Two sessions at once were not tested: {why.TrimEnd('.')}."));
    }
}
