using TrueLive.Probe.Analysis;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Trials;

/// <summary>What all trials after a run have in common.</summary>
/// <param name="Seed">The run's seed, from which each trial draws a seed of its own.</param>
/// <param name="Format">The picture that is sent.</param>
/// <param name="Amplitude">Strength of the codes.</param>
/// <param name="Prompt">Sent to each session that takes prompts before its first picture.</param>
/// <param name="Threads">Threads of the analysis.</param>
/// <param name="Time">The clock.</param>
/// <param name="Say">Receives in words what happens.</param>
/// <param name="Stop">Ends the trial; what was measured is kept.</param>
internal sealed record TrialSetting(
    ProbeSeed Seed, StimulusFormat Format, double Amplitude, string Prompt, int Threads, TimeProvider Time, Action<string>? Say,
    CancellationToken Stop)
{
    /// <summary>The analysis of one coded stretch: delay and alignment, not the nature.</summary>
    public AnalysisEffort Effort => new(39, Threads) { WithNature = false, Thorough = false };

    /// <summary>Why a trial is over: what the target said, or that the user stopped it; null for any other failure.</summary>
    public string? WhyOver(Exception failure) => failure switch
    {
        TargetException lost => lost.Message,
        OperationCanceledException when Stop.IsCancellationRequested => "stopped by the user",
        _ => null,
    };

    /// <summary>An independent secret for one purpose.</summary>
    public ProbeSeed SeedOf(string purpose) => ProbeSeed.From($"{Seed.Hex} {purpose}");
}
