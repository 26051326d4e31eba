using CsCheck;
using TrueLive.Core.Sessions;

namespace TrueLive.Core.Tests.Sessions;

public sealed class SessionSummaryTests
{
    [Fact]
    public void A_quantile_of_any_delays_is_at_most_5_percent_above_the_true_one()
    {
        Gen.Double[1, 60_000].Array[1, 400].Select(Gen.Double[0.01, 1]).Sample((delays, quantile) =>
        {
            var counted = new DelayHistogram();
            foreach (var delay in delays)
                counted.Add(TimeSpan.FromMilliseconds(delay));
            var exact = delays.Order().ElementAt((int)Math.Ceiling(quantile * delays.Length) - 1);
            Assert.InRange(counted.Quantile(quantile).TotalMilliseconds, exact * 0.9999, exact * 1.0501);
        });
    }

    [Fact]
    public void Delays_beyond_every_bound_and_none_at_all_give_a_figure()
    {
        var counted = new DelayHistogram();
        Assert.Equal(TimeSpan.Zero, counted.Quantile(0.99));
        counted.Add(TimeSpan.FromDays(1));
        counted.Add(TimeSpan.Zero);
        counted.Add(TimeSpan.FromSeconds(-1));
        Assert.Equal(1, counted.Quantile(0.5).TotalMilliseconds, 3);
        Assert.True(counted.Quantile(1) > TimeSpan.FromMinutes(1));
    }
}
