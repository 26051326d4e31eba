using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Features;

/// <summary>The phases that a run completed in an earlier session.</summary>
/// <param name="Phases">Kind, seconds and dwell scale of each, in order.</param>
/// <param name="Seen">What came back up to the end of the last of them.</param>
public sealed record EarlierSession(IReadOnlyList<(PhaseKind Kind, double Seconds, double DwellScale)> Phases, Observation Seen);
