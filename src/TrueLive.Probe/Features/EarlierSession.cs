using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Features;

/// <summary>Phases that a run has behind it.</summary>
/// <param name="Phases">Kind, seconds and dwell scale of each, in order.</param>
/// <param name="Seen">What came back up to the end of the last of them.</param>
public sealed record EarlierSession(IReadOnlyList<(PhaseKind Kind, double Seconds, double DwellScale)> Phases, Observation Seen);
