using TrueLive.Probe.Estimators;

namespace TrueLive.Probe.Tests.Estimators;

public sealed class IntervalTests
{
    [Theory]
    [InlineData(0.5, 20)]
    [InlineData(0.9, 60)]
    [InlineData(0.95, 120)]
    public void The_interval_of_a_quantile_covers_it_as_often_as_it_says(double q, int n)
    {
        var random = new Random(11);
        var truth = -Math.Log(1 - q);
        var covered = 0;
        const int Runs = 2000;
        for (var run = 0; run < Runs; run++)
        {
            var e = Intervals.QuantileInterval(Enumerable.Range(0, n).Select(_ => -Math.Log(1 - random.NextDouble())), q);
            Assert.True(e.Measured);
            covered += e.Low <= truth && truth <= e.High ? 1 : 0;
        }
        Assert.InRange(covered / (double)Runs, 0.94, 1);
    }

    [Fact]
    public void A_high_percentile_from_too_few_events_is_refused() =>
        Assert.False(Intervals.QuantileInterval(Enumerable.Range(0, 40).Select(k => (double)k), 0.99).Measured);

    [Fact]
    public void The_interval_of_a_share_covers_it_and_stays_within_zero_and_one()
    {
        var e = Intervals.Share(0, 50);
        Assert.Equal(0, e.Low, 6);
        Assert.InRange(e.High, 0.05, 0.09);
        Assert.InRange(Intervals.Share(0.98, 50).High, 0.98, 1);
    }

    [Fact]
    public void A_short_test_proves_nothing_by_its_floor_alone()
    {
        double[] redraws = [.. Enumerable.Range(0, 199).Select(k => k / 199.0)];
        var test = NullTest.Of(1.2, redraws);
        Assert.Equal(1 / 200.0, test.P, 9);
        Assert.Equal(test.P, test.ForRules);
        Assert.True(NullTest.Of(30, redraws).ForRules < 0.001);
    }

    [Fact]
    public void A_null_without_spread_never_explodes() => Assert.InRange(NullTest.Of(1e-4, new double[99]).Z, -1, 1);
}
