using TrueLive.Probe.Recordings;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Tests.Simulation;

/// <summary>Output that has nothing to do with the input: p-values are uniform, whatever moves in it.</summary>
public sealed class NullTests
{
    private const string Street = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

    [Fact]
    [Trait("Run", "full")]
    public void P_is_uniform_for_restyled_footage_with_codes_of_another() => AssertUniform(Restyled(true));

    [Fact]
    [Trait("Run", "full")]
    public void P_is_uniform_for_other_restyled_footage() => AssertUniform(Restyled(false));

    [Fact]
    [Trait("Run", "long")]
    public async Task P_is_uniform_for_a_recording_of_a_street()
    {
        Assert.SkipUnless(File.Exists(Street), "opencv-doc is not installed");
        var street = await RecordingAnalysis.ReadAsync(Street, TestContext.Current.CancellationToken);
        AssertUniform([.. Enumerable.Range(0, 24).AsParallel().WithDegreeOfParallelism(2)
            .Select(k => NullRuns.Recorded($"test street {k}", street, 15, 49))]);
    }

    [Fact]
    public void Every_profile_and_recordings_have_null_runs_and_a_second_call_continues()
    {
        var folder = Directory.CreateTempSubdirectory("probe-nulls-");
        var file = Path.Combine(folder.FullName, "nulls");
        string[] kinds = [.. new NullSuite("test", Look.HeldOut, null).Samples.Select(s => s.Kind)];
        File.WriteAllLines(file, kinds.Select(k => $"{k}\t0\t0.5"));
        try
        {
            var suite = new NullSuite("test", Look.HeldOut, file);
            suite.Run(1, TestContext.Current.CancellationToken);
            Assert.Equal(kinds.Length, File.ReadLines(file).Count());
            Assert.All(suite.Samples, s => Assert.Equal(0.5, Assert.Single(s.Values)));
            Assert.Superset(ProbeProfile.ByName.Keys.Select(p => "profile " + p).Append("two recordings").ToHashSet(), kinds.ToHashSet());
        }
        finally
        {
            folder.Delete(true);
        }
    }

    [Fact]
    [Trait("Run", "full")]
    public void P_is_uniform_for_a_glance_at_footage_that_it_did_not_make()
    {
        var footage = NullRuns.Footage("test glance", "relief", 60);
        AssertUniform([.. Enumerable.Range(0, 24).AsParallel().WithDegreeOfParallelism(2)
            .Select(k => NullRuns.Recorded($"test glance {k}", footage, ProbeProfile.Glance.Fast, 49))]);
    }

    [Fact]
    public void The_uniformity_test_tells_uniform_from_not()
    {
        var even = Enumerable.Range(0, 300).Select(k => (k + 0.5) / 300).ToArray();
        Assert.True(NullRuns.Uniformity(even).P > 0.99);
        Assert.True(NullRuns.Uniformity(even.Select(p => p * p)).P < 1e-6);
        // D of 0.0782 with n = 300 is the 5 % point of Kolmogorov's distribution.
        Assert.InRange(NullRuns.Uniformity(even.Select(p => Math.Min(1, p + 0.0782 - 0.5 / 300))).P, 0.04, 0.06);
    }

    private static double[] Restyled(bool withCodesOfAnother) =>
        [.. Enumerable.Range(0, 24).AsParallel().WithDegreeOfParallelism(2)
            .Select(k => NullRuns.Simulated($"test null {withCodesOfAnother} {k}", Look.HeldOut[k % 6], withCodesOfAnother, 15, 49))];

    private static void AssertUniform(double[] values)
    {
        var (distance, p) = NullRuns.Uniformity(values);
        Assert.True(p > 0.01, $"Kolmogorov-Smirnov p {p:0.0000}, distance {distance:0.000}, n {values.Length}");
        Assert.True(values.Count(v => v <= 0.01) <= 2, $"{values.Count(v => v <= 0.01)} of {values.Length} at or below 0.01");
    }
}
