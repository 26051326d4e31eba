using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe;

/// <summary>
/// Makes the looks of a glance while sending goes on. Each judges what had been sent and seen when it was due, however long the one before
/// it takes.
/// </summary>
internal sealed class GlanceWatch(StimulusPlan plan, IReadOnlyList<double> looks, AnalysisEffort effort, CancellationToken cancel)
{
    private readonly TaskCompletionSource<ProbeRunResult> _decided = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _looking = Task.CompletedTask;
    private int _taken;

    /// <summary>The result of the last look.</summary>
    public ProbeRunResult? Last { get; private set; }

    /// <summary>The provisional verdict, in words.</summary>
    public string? Sentence { get; private set; }

    /// <summary>Completes when a look has decided.</summary>
    public Task<ProbeRunResult> Decided => _decided.Task;

    /// <summary>Whether a look is due when this many frames have been sent.</summary>
    public bool Due(int frames) => _taken < looks.Count && frames == (int)Math.Round(looks[_taken] * CodeLaw.Rate);

    /// <summary>Starts the look that is due, once those before it are done.</summary>
    public void Look(Observation seen, RunQuality quality)
    {
        var look = ++_taken;
        quality = quality with { Look = look };
        _looking = _looking.ContinueWith(before =>
        {
            before.GetAwaiter().GetResult();
            if (_decided.Task.IsCompleted)
                return;
            // Sending goes on beside all looks but the last, and has to keep its time.
            var threads = look == looks.Count ? effort.Threads : Math.Clamp(Environment.ProcessorCount - 1, 1, effort.Threads);
            var (found, verdict) = GlanceRules.Take(plan, seen, quality, effort with { Threads = threads }, cancel);
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
