using TrueLive.Probe.Reports;
using TrueLive.Probe.Requirements;
using TrueLive.Probe.Trials;

namespace TrueLive.Probe.Tests.Trials;

/// <summary>Reports that hold nothing but what a trial showed.</summary>
internal static class TrialReports
{
    public static ProbeReport Of(TrialOutcome outcome, params TrialSection[] sections) => new()
    {
        Run = new RunSection
        {
            Id = "trial",
            Utc = DateTimeOffset.UnixEpoch,
            Profile = "test",
            Validity = "VALID",
            Evidence = "E4",
            Target = "virtual",
            Version = "0",
            Commitment = "none",
            Configuration = "none",
        },
        Verdict = new VerdictSection("T3", null, null, null, [], "", [], []),
        Metrics = outcome.Metrics,
        Channels = [],
        Plan = [],
        Trials = sections,
    };

    public static CheckResult Check(TrialOutcome outcome, RequirementRule rule) =>
        RequirementCheck.Run(new Requirement("test", "test", "E4", [rule]), Of(outcome)).Result;
}
