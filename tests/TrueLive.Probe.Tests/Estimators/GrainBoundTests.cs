using TrueLive.Probe.Estimators;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Tests.Estimators;

/// <summary>However a system plays its batches, the bound from the delay is not below their length.</summary>
public sealed class GrainBoundTests
{
    [Theory]
    [InlineData(0.4)]
    [InlineData(1.0)]
    [InlineData(1.6)]
    [InlineData(4.0)]
    public void No_schedule_of_playback_hides_the_length_of_batches(double length)
    {
        var missed = 0;
        for (var trial = 0; trial < 200; trial++)
        {
            var random = new Random(trial);
            var (shown, sent) = Play(length, trial % 4, random);
            var delays = GrainBound.ShownDelays(shown, sent, ProbeSeed.From($"grain {trial}").Stream("grain"));
            var q = GrainBound.QuantileFor(delays.Length);
            missed += Intervals.QuantileInterval(delays, q).High / q < length ? 1 : 0;
        }
        // The upper limit has a confidence of 97.5 %: seven misses in 200 are one standard deviation above the mean.
        Assert.True(missed <= 8, $"{missed} of 200 bounds lie below batches of {length} s");
    }

    [Theory]
    [InlineData(5, 0.5)]
    [InlineData(14, 0.8)]
    [InlineData(29, 0.9)]
    [InlineData(59, 0.95)]
    public void The_quantile_is_the_largest_that_the_events_bound(int events, double q)
    {
        Assert.Equal(q, GrainBound.QuantileFor(events));
        Assert.True(Math.Pow(q, events) <= 0.05);
    }

    /// <summary>
    /// Sixty seconds of batches, each closed before any of it is shown: evenly, at once and then held, newest first for long, or at random.
    /// </summary>
    private static (double[] Shown, double[] Sent) Play(double length, int schedule, Random random)
    {
        var (shown, sent) = (new List<double>(), new List<double>());
        var phase = random.NextDouble() * length;
        for (var closed = phase + length; closed < 65; closed += length)
        {
            var frames = (int)(length * 30);
            for (var k = 0; k < frames; k++)
            {
                var at = schedule switch
                {
                    1 => 0.002 * k,
                    2 => length * k / frames,
                    3 => length * Math.Sqrt(k / (double)frames),
                    _ => k / 30.0
                };
                var content = schedule == 2 ? 1 - 0.05 * (frames - k) / frames : (k + 1.0) / frames;
                shown.Add(closed + at);
                sent.Add(closed - length + content * length);
            }
        }
        return ([.. shown], [.. sent]);
    }
}
