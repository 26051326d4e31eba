using System.Diagnostics;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Tests.Targets;

/// <summary>The probe while other processes really take its processors.</summary>
[Trait("Run", "alone")]
[Trait("Run", "full")]
public sealed class StolenTimeTests
{
    private static readonly TimeSpan Inserted = TimeSpan.FromMilliseconds(120);

    [Fact]
    public async Task A_run_whose_processors_are_stolen_is_invalid_rather_than_wrong()
    {
        // Two processes for each processor, at a higher priority if permitted; each ends by itself if the test dies.
        var thieves = Enumerable.Range(0, 2 * Environment.ProcessorCount)
            .Select(_ => Process.Start(new ProcessStartInfo("sh", ["-c", "exec timeout 40 nice -n -10 sh -c 'while :; do :; done'"])
            { RedirectStandardError = true })!).ToArray();
        try
        {
            await using var target = new NullTarget(TimeProvider.System, Inserted);
            var profile = new ProbeProfile
            {
                Name = "test",
                Warmup = 1,
                Fast = 12,
                Slow = 0,
                Control = 0,
                Hold = 0,
                Blackout = 0,
                Redraws = 19,
            };
            var run = new ProbeRun(target, profile, ProbeSeed.From("stolen"), TimeProvider.System,
                new ProbeRunOptions { Width = 160, Height = 90, Effort = new AnalysisEffort(19, 1) });
            var made = await run.RunAsync(null, TestContext.Current.CancellationToken);
            var reasons = made.Quality.InvalidReasons();
            TestContext.Current.SendDiagnosticMessage($"stolen time: timer p99 {1000 * made.Quality.TimerP99:0} ms, unsent " +
                $"{made.Quality.SendDrops:0.000}, D50 {1000 * made.Findings.D50.Value:0} ms; {string.Join("; ", reasons)}");
            Assert.True(reasons.Count > 0 || Math.Abs(made.Findings.D50.Value - Inserted.TotalSeconds) < 1.0 / CodeLaw.Rate,
                $"valid, yet D50 is {made.Findings.D50.Value} s");
        }
        finally
        {
            foreach (var thief in thieves)
            {
                thief.Kill(true);
                thief.Dispose();
            }
        }
    }
}
