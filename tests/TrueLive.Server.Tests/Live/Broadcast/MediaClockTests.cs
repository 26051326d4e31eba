using CsCheck;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Live.Broadcast;

namespace TrueLive.Server.Tests.Live.Broadcast;

/// <summary>The timeline of an input with arbitrary timestamps.</summary>
public sealed class MediaClockTests
{
    private const int Frame = 3000;
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData("wrap", uint.MaxValue - 10 * Frame)]
    [InlineData("plain", 90_000u)]
    public void Stamps_that_only_wrap_are_the_timeline(string what, uint first)
    {
        var places = Play(Enumerable.Range(0, 100).Select(i => unchecked(first + (uint)(i * Frame))), 33.333);
        Assert.True(Math.Abs(places[99].TotalSeconds - 3.3) < 1e-6, what);
    }

    [Theory]
    [InlineData(0, "starts again at 0")]
    [InlineData(6 * 3600, "six hours on")]
    [InlineData(13 * 3600, "beyond half of all stamps")]
    [InlineData(-6 * 3600, "six hours back")]
    [InlineData(-5, "five seconds back")]
    [InlineData(-0.5, "half a second back")]
    [InlineData(5, "five seconds on")]
    public void After_a_jump_the_timeline_goes_on_with_the_time_that_passed(double seconds, string what)
    {
        const uint Begin = 3_000_000_000;
        var before = Enumerable.Range(0, 60).Select(i => unchecked(Begin + (uint)(i * Frame)));
        var jumped = seconds == 0 ? 0 : unchecked(Begin + (uint)(long)(60 * Frame + seconds * 90_000));
        var places = Play([.. before, .. Enumerable.Range(0, 60).Select(i => unchecked(jumped + (uint)(i * Frame)))], 33.333);
        var steps = places.Zip(places.Skip(1), (a, b) => (b - a).TotalMilliseconds).ToArray();
        Assert.All(steps, step => Assert.True(step is > 33 and < 34, $"{what}: a step of {step} ms"));
    }

    [Fact]
    public void A_clock_that_is_wrong_by_500_millionths_is_the_sources_own_and_never_corrected_in_jumps()
    {
        var places = Play(Enumerable.Range(0, 30 * 3600).Select(i => (uint)(i * 3001.5)), 33.333333);
        var steps = places.Zip(places.Skip(1), (a, b) => (b - a).TotalMilliseconds).ToArray();
        Assert.InRange(steps.Min(), 33.33, 33.37);
        Assert.InRange(steps.Max(), 33.33, 33.37);
    }

    [Fact]
    public void Frames_that_come_in_a_bunch_keep_the_distance_that_they_were_taken_at()
    {
        var clock = new MediaClock(_time);
        clock.Next(0, _time.GetTimestamp());
        _time.Advance(TimeSpan.FromSeconds(1.5));
        var places = Enumerable.Range(1, 45).Select(i => clock.Next((uint)(i * Frame), _time.GetTimestamp()).Captured.TotalMilliseconds)
            .ToArray();
        Assert.Equal(1500, places[^1], 0.01);
        Assert.Equal(33.333, places[0], 0.01);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    public void Slow_and_fast_sources_have_their_own_pace(int rate)
    {
        var places = Play(Enumerable.Range(0, 20).Select(i => (uint)(i * 90_000 / rate)), 1000.0 / rate);
        Assert.Equal(19.0 / rate, places[^1].TotalSeconds, 1e-6);
    }

    [Fact]
    public void Whatever_comes_the_timeline_never_goes_back() => Gen.Select(Gen.UInt, Gen.Int[0, 100_000]).Array[1, 60].Sample(frames =>
    {
        var (clock, last) = (new MediaClock(_time), TimeSpan.Zero);
        foreach (var (stamp, wait) in frames)
        {
            _time.Advance(TimeSpan.FromMilliseconds(wait));
            var place = clock.Next(stamp, _time.GetTimestamp()).Captured;
            Assert.True(place >= last);
            last = place;
        }
    }, seed: "0000000000001", iter: 200, threads: 1);

    private TimeSpan[] Play(IEnumerable<uint> stamps, double milliseconds)
    {
        var clock = new MediaClock(_time);
        return [.. stamps.Select(stamp =>
        {
            _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
            return clock.Next(stamp, _time.GetTimestamp()).Captured;
        })];
    }
}
