using System.Globalization;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Trials;

/// <summary>
/// Opens one session after the other, each closed before the next, and times the first picture and the first one that follows the codes.
/// Cold starts come after a pause, warm ones at once.
/// </summary>
internal sealed class StartTrial(TrialOptions options, TrialSetting setting, double coded = StartTrial.Coded)
{
    /// <summary>Seconds of codes in each session.</summary>
    public const double Coded = 15;

    /// <summary>Seconds after which a session that shows nothing is given up.</summary>
    public const double Longest = 60;

    private readonly TrialOutcome _outcome = new(TrialKind.Start);
    private int _failed;
    private int _tried;

    public async Task<(TrialOutcome, TrialSection)> RunAsync()
    {
        var ended = "";
        try
        {
            if (options.ColdAfter is { } pause)
                await SeriesAsync("cold", pause).ConfigureAwait(false);
            else
                _outcome.Missing("cold.first", "s", "not tested: say after how long without a session a start is cold (--cold-after)");
            await SeriesAsync("warm", null).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (setting.Stop.IsCancellationRequested)
        {
            ended = " Stopped before all were made.";
        }
        // None of the few that were tried before the user stopped is no promise of the rest.
        if (ended.Length > 0 && _failed == 0)
            _outcome.Missing("failed", "1", $"not measured: stopped after {_tried} sessions, of which none failed");
        else
            _outcome.Add("failed", _failed, "1", "sessions that could not be opened or showed nothing", _tried);
        return (_outcome, _outcome.Section(ended.Length > 0 ? "in part" : _failed == _tried ? "not measured" : "measured",
            string.Join(" ", new[] { Words("cold"), Words("warm") }.Where(w => w.Length > 0)) + ended));
    }

    private async Task SeriesAsync(string kind, TimeSpan? pause)
    {
        var (connected, first, live) = (new List<double>(), new List<double>(), new List<double>());
        var before = _tried;
        try
        {
            for (var k = 0; k < options.Starts; k++)
            {
                setting.Stop.ThrowIfCancellationRequested();
                if (pause is { } wait)
                {
                    setting.Say?.Invoke(FormattableString.Invariant($"waiting {wait.TotalSeconds:0} s for cold start {k + 1}"));
                    await Task.Delay(wait, setting.Time, setting.Stop).ConfigureAwait(false);
                }
                setting.Say?.Invoke($"{kind} start {k + 1} of {options.Starts}");
                try
                {
                    var one = await OneAsync($"start {kind} {k}").ConfigureAwait(false);
                    connected.Add(one.Connected);
                    Keep(first, one.First);
                    Keep(live, one.Live);
                    (_tried, _failed) = (_tried + 1, _failed + (double.IsNaN(one.First) ? 1 : 0));
                }
                catch (TargetException refused)
                {
                    (_tried, _failed) = (_tried + 1, _failed + 1);
                    _outcome.Notes.Add($"{kind} start {k + 1}: {refused.Message}");
                }
            }
        }
        finally
        {
            var tried = _tried - before;
            Add($"{kind}.connect", connected, tried, "until the session was open");
            Add($"{kind}.first", first, tried, "from the attempt to connect to the first picture back");
            Add($"{kind}.live", live, tried, "from the attempt to connect to the first picture that follows the codes");
            if (live.Count < first.Count)
                _outcome.Notes.Add($"{kind}: in {first.Count - live.Count} of {first.Count} sessions it could not be told when the " +
                    "picture began to follow the codes.");
        }
    }

    private async Task<(double Connected, double First, double Live)> OneAsync(string purpose)
    {
        var plan = new StimulusPlan(setting.SeedOf(purpose), setting.Amplitude);
        plan.Append(PhaseKind.Fast, Longest);
        await using var lane = await TrialLane.OpenAsync(options.Open(), setting, setting.Stop).ConfigureAwait(false);
        var sender = new TrialSender([lane], setting);
        sender.Begin(lane.Drawing(plan));
        const int Second = CodeLaw.Rate;
        for (var silent = 0; silent < (Longest - Coded) && double.IsNaN(lane.First); silent++)
            await sender.SendAsync(Second, CodeLaw.Rate).ConfigureAwait(false);
        await sender.SendAsync((int)(coded * Second), CodeLaw.Rate).ConfigureAwait(false);
        var seen = lane.Seen();
        // An open session may be paid by the second, so nothing is computed before it is closed.
        await lane.DisposeAsync().ConfigureAwait(false);
        if (double.IsNaN(lane.First))
        {
            _outcome.Notes.Add(FormattableString.Invariant($"{purpose}: no picture came back within {sender.Now:0} s."));
            return (lane.Opening, double.NaN, double.NaN);
        }
        var found = ProbeAnalysis.Analyse(plan, seen, setting.Effort, setting.Stop);
        var live = found is { Map: { Reliable: true } map, D50.Measured: true }
            ? new Following(map).Begins(found.D50.Value, double.NegativeInfinity, double.PositiveInfinity)
            : double.NaN;
        return (lane.Opening, lane.First, lane.Since(sender.Zero) + live);
    }

    private static void Keep(List<double> values, double value)
    {
        if (!double.IsNaN(value))
            values.Add(value);
    }

    private void Add(string name, List<double> values, int tried, string what)
    {
        var sorted = values.Order().ToArray();
        // The median of those that came would flatter a target of which the others never did.
        if (sorted.Length < tried)
        {
            _outcome.Missing(name, "s", $"not measured: missing in {tried - sorted.Length} of {tried} sessions" + (sorted.Length < 5 ? ""
                : FormattableString.Invariant($"; the median of the others is {Intervals.Quantile(sorted, 0.5):0.0} s")));
            return;
        }
        var estimate = sorted.Length < 5
            ? Estimate.None with { N = sorted.Length }
            : new Estimate(Intervals.Quantile(sorted, 0.5), sorted[0], sorted[^1], sorted.Length);
        _outcome.Add(name, estimate, 1, "s", $"median, {what}; the interval is the range, which covers the median of all starts with " +
            (sorted.Length < 6 ? "94 %" : "95 % or more"));
    }

    private string Words(string kind) => _outcome.Metrics.GetValueOrDefault($"start.{kind}.first") is { Value: { } first } metric
        ? string.Create(CultureInfo.InvariantCulture,
            $"First picture of {kind} starts after {first:0.0} s (median; {metric.Ci95![0]:0.0} to {metric.Ci95[1]:0.0} s, n = {metric.N}).")
        : options.ColdAfter is not null || kind == "warm" ? $"The time of {kind} starts was not measured." : "";
}
