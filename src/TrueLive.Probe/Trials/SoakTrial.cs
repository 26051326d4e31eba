using System.Globalization;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Trials;

/// <summary>
/// One long session in equal cycles: codes, then one of two scenes drawn at random, then always the same reference picture. Of each cycle a
/// few numbers are kept, so that its length costs no memory.
/// </summary>
internal sealed class SoakTrial(TrialOptions options, TrialSetting setting, double cycle = SoakTrial.CycleSeconds)
{
    /// <summary>Length of a cycle, seconds.</summary>
    public const double CycleSeconds = 60;

    // Two days of cycles of a minute.
    private const int MostCycles = 2880;

    // Fewer, or fewer after one of the scenes, have too few permutations for p 0.01.
    private const int FewestForScenes = 10;
    private const int FewestAfterEach = 4;

    private readonly TrialOutcome _outcome = new(TrialKind.Soak);
    private readonly List<SoakCycle> _cycles = [];

    public async Task<(TrialOutcome, TrialSection)> RunAsync()
    {
        string? ended = null;
        var byTarget = false;
        try
        {
            await using var lane = await TrialLane.OpenAsync(options.Open(), setting, setting.Stop).ConfigureAwait(false);
            var sender = new TrialSender([lane], setting);
            var scenes = setting.SeedOf("soak scenes").Stream("scenes");
            var pictures = new SoakPictures(setting);
            var began = setting.Time.GetTimestamp();
            var analysis = Task.CompletedTask;
            try
            {
                for (var n = 0; n < MostCycles && setting.Time.GetElapsedTime(began) < options.SoakFor; n++)
                {
                    var (plan, scene) = (Plan(n), scenes.NextBit() ? 1 : -1);
                    sender.Begin(pictures.Drawing(lane.Drawing(plan), plan.Frames.Count, scene, (int)(cycle / 4 * CodeLaw.Rate)));
                    await sender.SendAsync((int)(cycle * CodeLaw.Rate), CodeLaw.Rate).ConfigureAwait(false);
                    var (at, seen) = (setting.Time.GetElapsedTime(began).TotalSeconds, lane.Seen());
                    // Beside the next cycle: the target must not notice that something is computed.
                    await analysis.ConfigureAwait(false);
                    analysis = Task.Run(() => Keep(SoakCycle.Of(plan, seen, setting.Effort, at, scene, cycle,
                        _cycles.Count > 0 ? _cycles[^1].Limit : double.PositiveInfinity)), CancellationToken.None);
                }
            }
            catch (Exception over) when (setting.WhyOver(over) is { } why)
            {
                (byTarget, ended) = (over is TargetException, why);
            }
            var seconds = setting.Time.GetElapsedTime(began).TotalSeconds;
            await analysis.ConfigureAwait(false);
            if (sender.Invalid is { } reason)
                _outcome.Notes.Add($"Delay and frozen time do not count: {reason}.");
            // Rules on the length of a session must tell a target that ends it from a user who does.
            _outcome.Add("ended", byTarget ? 1 : 0, "1", "sessions that were over before their time, other than by the user", 1);
            return Judge(seconds, ended, sender.Invalid is null);
        }
        catch (TargetException refused)
        {
            return (_outcome, _outcome.Section("not tested", refused.Message));
        }
        catch (OperationCanceledException) when (setting.Stop.IsCancellationRequested)
        {
            return (_outcome, _outcome.Section("not tested", "A long session was not tested: stopped by the user."));
        }
    }

    private void Keep(SoakCycle over)
    {
        _cycles.Add(over);
        setting.Say?.Invoke(over.Words(_cycles.Count, options.SoakFor.TotalMinutes));
    }

    private StimulusPlan Plan(int number)
    {
        var plan = new StimulusPlan(setting.SeedOf($"soak {number}"), setting.Amplitude);
        plan.Append(PhaseKind.Fast, cycle / 2);
        return plan;
    }

    private (TrialOutcome, TrialSection) Judge(double seconds, string? ended, bool valid)
    {
        if (ended is not null)
            _outcome.Notes.Add("The session ended early: " + ended);
        if (_cycles.Count(c => double.IsNaN(c.Delay)) is > 0 and var silent)
            _outcome.Notes.Add($"In {silent} of {_cycles.Count} cycles the delay could not be measured; its slope is that of the others.");
        var random = new Random(11);
        _outcome.Add("session", seconds, "s", "length of the session", _cycles.Count);
        _outcome.Add("delay.slope", valid ? Slope(c => 1000 * c.Delay, random) : Estimate.None, 1, "ms/h",
            "Theil-Sen over cycles of the median delay");
        _outcome.Add("frozen", valid && _cycles.Count > 0 ? _cycles.Average(c => c.Frozen) : double.NaN, "%",
            "mean over cycles of the share of the codes' time without a new picture, by the rhythm of the first cycle", _cycles.Count);
        var colours = Enumerable.Range(0, 3).Select(p => Slope(c => c.Colour(p), random)).ToArray();
        var drift = colours.MaxBy(c => c.Measured ? Math.Abs(c.Value) : -1);
        _outcome.Add("colour.slope", drift, 1, "levels/h",
            "Theil-Sen over cycles of the mean of the reference's luma, red or blue, whichever changes most");
        var first = _cycles.Find(c => c.HasReference);
        var returns = _cycles.Where(c => c.HasReference && c != first).Select(c => c.From(first!));
        _outcome.Add("return", Intervals.QuantileInterval(returns, 0.5), 1, "levels",
            "median over cycles: mean difference of the reference from its first showing, in 36 block means");
        var shown = _cycles.Where(c => c.HasReference).ToArray();
        var after = shown.Count(c => c.Scene > 0);
        var memory = shown.Length < FewestForScenes || Math.Min(after, shown.Length - after) < FewestAfterEach ? NullTest.None
            : GroupDifference.Test([.. shown.Select(c => c.Look)], [.. shown.Select(c => c.Scene)], random);
        if (memory.K > 0)
            _outcome.Add("scene_p", memory, "permutation: does the reference depend on the scene before it?");
        else
            _outcome.Missing("scene_p", "1", $"not tested: {after} references after one scene and {shown.Length - after} after the " +
                $"other; {FewestForScenes} and at least {FewestAfterEach} after each are needed");
        return (_outcome, _outcome.Section(ended is null ? "measured" : "in part", Sentence(seconds, drift, memory)));
    }

    private Estimate Slope(Func<SoakCycle, double> of, Random random)
    {
        var points = _cycles.Select(c => (c.At / 3600, of(c))).Where(p => !double.IsNaN(p.Item2)).ToArray();
        var slope = Intervals.Slope(points, 1, random);
        return slope with { N = points.Length };
    }

    private string Sentence(double seconds, Estimate drift, NullTest memory) => string.Create(CultureInfo.InvariantCulture,
        $"A session of {seconds / 60:0} minutes, {_cycles.Count} cycles. ")
        + (drift.Measured ? string.Create(CultureInfo.InvariantCulture,
            $"Colour drifts by {drift.Value:0.0} levels an hour (95 %: {drift.Low:0.0} to {drift.High:0.0}). ") : "Too short for drift. ")
        + (memory.K == 0 ? "Memory of old scenes was not tested."
            : memory.P <= 0.01 ? string.Create(CultureInfo.InvariantCulture, $"Old scenes stay visible (p {memory.P:0.###}).")
            : string.Create(CultureInfo.InvariantCulture, $"No sign of old scenes (p {memory.P:0.###})."));
}
