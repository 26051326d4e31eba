using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Tests.Estimators;

/// <summary>A repeat is accused by the order of the pictures, not by how few there are.</summary>
public sealed class RepeatTests
{
    private const int Rate = 15;
    private const double Seconds = 40;

    [Theory]
    [InlineData(0.8)]
    [InlineData(2.6)]
    [InlineData(10)]
    [InlineData(7.4)]
    public void A_loop_is_told_by_its_order_and_its_length_has_an_interval(double period)
    {
        var wander = Wander(1);
        var found = Find(k => wander[k % (int)(period * Rate)]);
        Assert.True(found.Repeats, $"{found}");
        Assert.True(found.P <= RepeatFindings.Level, $"{found}");
        Assert.InRange(period, found.Period.Low, found.Period.High);
    }

    [Fact]
    public void A_film_that_runs_to_and_fro_is_a_loop_of_twice_its_length()
    {
        var wander = Wander(2);
        var found = Find(k => wander[Math.Abs(k % 150 - 75)]);
        Assert.True(found.Repeats, $"{found}");
        Assert.InRange(150.0 / Rate, found.Period.Low, found.Period.High);
    }

    // A lamp that a live input switches on and off: at many lags more than half of its pictures are the same by chance.
    [Fact]
    public void A_live_picture_of_two_states_is_no_replay()
    {
        var (alike, accused) = (0, 0);
        for (var trial = 0; trial < 10; trial++)
        {
            var random = new Random(trial);
            var (on, left) = (false, 0);
            var states = Enumerable.Range(0, (int)(Seconds * Rate)).Select(_ =>
            {
                if (left-- <= 0)
                    (on, left) = (!on, random.Next(Rate / 2, 2 * Rate));
                return on ? (60f, 60f) : (190f, 190f);
            }).ToArray();
            var found = Find(k => states[k]);
            alike += found.Loop < RepeatFindings.Limit ? 1 : 0;
            accused += found.Repeats ? 1 : 0;
        }
        Assert.True(alike >= 8, $"only {alike} of 10 looked like a repeat, so that little was tested");
        Assert.True(accused <= 1, $"{accused} of 10 were called a replay");
    }

    [Fact]
    public void A_picture_that_wanders_is_no_replay()
    {
        var wander = Wander(3);
        Assert.False(Find(k => wander[k]).Repeats);
    }

    private static RepeatFindings Find(Func<int, (float Left, float Right)> light)
    {
        var (seen, picture) = (new Observation(), Picture.ForAnalysis());
        for (var k = 0; k < Seconds * Rate; k++)
        {
            var (left, right) = light(k);
            for (var y = 0; y < Picture.AnalysisHeight; y++)
            {
                picture.Y.AsSpan(y * Picture.AnalysisWidth, Picture.AnalysisWidth / 2).Fill(left);
                picture.Y.AsSpan(y * Picture.AnalysisWidth + Picture.AnalysisWidth / 2, Picture.AnalysisWidth / 2).Fill(right);
            }
            seen.Add(k / (double)Rate, picture);
        }
        return Repeats.Find(seen, [.. seen.Times], 0, Seconds);
    }

    /// <summary>Light of two halves that wanders within bounds.</summary>
    private static (float Left, float Right)[] Wander(int seed)
    {
        var random = new Random(seed);
        var (left, right) = (128f, 128f);
        return [.. Enumerable.Range(0, (int)(Seconds * Rate)).Select(_ =>
            (left = Step(left), right = Step(right)))];

        float Step(float at) => Math.Clamp(at + 20 * (float)(2 * random.NextDouble() - 1), 20, 235);
    }
}
