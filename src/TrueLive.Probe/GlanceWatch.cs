using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe;

/// <summary>
/// The looks of a glance beside the sending: each at what had been sent and seen by its moment, however long the one before it takes.
/// </summary>
internal sealed class GlanceWatch(StimulusPlan plan, IReadOnlyList<double> looks, AnalysisEffort effort, CancellationToken cancel)
{
    private readonly TaskCompletionSource<ProbeRunResult> _decided = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _looking = Task.CompletedTask;
    private int _taken;

    /// <summary>The last look that was taken.</summary>
    public ProbeRunResult? Last { get; private set; }

    /// <summary>The verdict as it grows.</summary>
    public string? Sentence { get; private set; }

    /// <summary>Completes when a look has decided.</summary>
    public Task<ProbeRunResult> Decided => _decided.Task;

    /// <summary>A look is due when this many frames have been sent.</summary>
    public bool Due(int frames) => _taken < looks.Count && frames == (int)Math.Round(looks[_taken] * CodeLaw.Rate);

    /// <summary>Begins the look that is due, after those before it.</summary>
    public void Look(Observation seen, RunQuality quality)
    {
        var look = ++_taken;
        quality = quality with { Look = look };
        _looking = _looking.ContinueWith(before =>
        {
            before.GetAwaiter().GetResult();
            if (_decided.Task.IsCompleted)
                return;
            var (found, verdict) = GlanceRules.Take(plan, seen, quality, effort, cancel);
            Last = new ProbeRunResult(plan, seen, found, verdict, quality);
            if (look == looks.Count || verdict.Tier is not (TierLabel.NotProven or TierLabel.Invalid))
                _decided.TrySetResult(Last);
            else
                Sentence = verdict.Tier == TierLabel.Invalid ? verdict.Sentence : GlanceRules.Growing(found, verdict, look);
        }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Waits for the looks that have begun.</summary>
    public Task FinishAsync() => _looking;
}
