using TrueLive.Core.Frames;
using TrueLive.WebRtc.Rtp;

namespace TrueLive.WebRtc.Tests.Rtp;

/// <summary>
/// Impaired paths in virtual time, 20 ms each way, with an encoder of 30 frames a second that follows the target bitrate. The claims: delay
/// is bounded, no frame is wrong, no freeze exceeds 1 s once a path is back, and the bitrate settles within 5 s and then never falls below
/// half of the link.
/// </summary>
public class ImpairmentTests
{
    private const long Second = 1_000_000;

    [Theory]
    [InlineData(0.02, VideoCodec.H264)]
    [InlineData(0.05, VideoCodec.H264)]
    [InlineData(0.10, VideoCodec.H264)]
    [InlineData(0.02, VideoCodec.Vp8)]
    [InlineData(0.05, VideoCodec.Vp8)]
    [InlineData(0.10, VideoCodec.Vp8)]
    public void Loss_each_way_is_repaired_within_a_bounded_delay(double loss, VideoCodec codec) => ForSeeds(codec, call =>
    {
        call.Up.Loss = call.Down.Loss = loss;
        call.Run(TimeSpan.FromSeconds(15));

        AssertNoFreeze(call, Second, 500_000);
        AssertDelay(call, p95: 200_000, most: 500_000);
        AssertFrames(call, loss < 0.1 ? 0.97 : 0.95);
        // Random loss is no congestion: the rate must not collapse.
        AssertTargetAbove(call, 5 * Second, 750_000);
    });

    [Theory]
    [InlineData(10_000)]
    [InlineData(50_000)]
    public void Reordering_is_put_right(long jitter) => ForSeeds(VideoCodec.H264, call =>
    {
        call.Up.Jitter = call.Down.Jitter = jitter;
        call.Up.Reorder = call.Down.Reorder = true;
        call.Run(TimeSpan.FromSeconds(15));

        AssertNoFreeze(call, Second, 500_000);
        AssertDelay(call, p95: 20_000 + jitter + 50_000, most: 400_000);
        AssertFrames(call, 0.97);
        AssertTargetAbove(call, 5 * Second, 500_000);
    });

    [Fact]
    public void Doubled_packets_change_nothing() => ForSeeds(VideoCodec.H264, call =>
    {
        call.Up.Duplicate = call.Down.Duplicate = 0.2;
        call.Run(TimeSpan.FromSeconds(15));

        Assert.Equal(1, call.KeyFramesSent);
        AssertNoFreeze(call, Second, 200_000);
        AssertDelay(call, p95: 40_000, most: 150_000);
        AssertFrames(call, 0.99);
        AssertTargetAbove(call, 5 * Second, 1_400_000);
    });

    [Fact]
    public void Fifty_milliseconds_of_jitter_only_delay() => ForSeeds(VideoCodec.H264, call =>
    {
        call.Up.Jitter = call.Down.Jitter = 50_000;
        call.Run(TimeSpan.FromSeconds(15));

        Assert.Equal(1, call.KeyFramesSent);
        AssertNoFreeze(call, Second, 300_000);
        AssertDelay(call, p95: 120_000, most: 300_000);
        AssertFrames(call, 0.99);
        AssertTargetAbove(call, 5 * Second, 700_000);
    });

    [Theory]
    [InlineData(300_000, 0.0)]
    [InlineData(2_000_000, 0.0)]
    [InlineData(100_000, 0.0)]
    [InlineData(300_000, 0.02)]
    public void A_link_of_one_megabit_is_found_within_five_seconds_and_held(long queue, double loss) => ForSeeds(VideoCodec.H264, call =>
    {
        call.Up.Bitrate = Second;
        call.Up.MaxQueue = queue;
        call.Up.Loss = call.Down.Loss = loss;
        call.Run(TimeSpan.FromSeconds(30));

        AssertSettled(call, 0, Second);
        AssertNoFreeze(call, Second, Second);
        AssertDelay(call, p95: 400_000, most: 1_000_000);
        AssertDelay(call, p95: 200_000, most: 1_000_000, from: 5 * Second);
    });

    [Fact]
    public void A_link_that_shrinks_from_four_megabit_to_one_is_found_within_five_seconds() => ForSeeds(VideoCodec.H264, call =>
    {
        call.Up.Bitrate = 4 * Second;
        call.Run(TimeSpan.FromSeconds(8));
        call.Up.Bitrate = Second;
        call.Run(TimeSpan.FromSeconds(20));

        AssertSettled(call, 8 * Second, Second);
        AssertNoFreeze(call, 10 * Second, Second);
        AssertDelay(call, p95: 250_000, most: 1_000_000, from: 13 * Second);
    });

    [Fact]
    public void A_link_that_grows_from_one_megabit_to_four_is_used_within_ten_seconds() => ForSeeds(VideoCodec.H264, call =>
    {
        call.Up.Bitrate = Second;
        call.Run(TimeSpan.FromSeconds(10));
        call.Up.Bitrate = 4 * Second;
        call.Run(TimeSpan.FromSeconds(20));

        AssertNoFreeze(call, Second, Second);
        AssertTargetAbove(call, 20 * Second, 2_000_000);
    });

    [Theory]
    [InlineData(3, 0)]
    [InlineData(8, 0)]
    [InlineData(3, 1_000_000)]
    [InlineData(8, 1_000_000)]
    public void After_a_cut_the_picture_is_back_within_a_second_and_stays(int seconds, long bitrate) => ForSeeds(VideoCodec.H264, call =>
    {
        call.Up.Bitrate = bitrate;
        call.Run(TimeSpan.FromSeconds(6));
        call.Up.Cut = call.Down.Cut = true;
        call.Run(TimeSpan.FromSeconds(seconds));
        call.Up.Cut = call.Down.Cut = false;
        var back = call.Now;
        call.Run(TimeSpan.FromSeconds(12));

        AssertNoFreeze(call, back, Second);
        AssertDelay(call, p95: 300_000, most: 1_000_000, from: back);
        AssertSettled(call, back, bitrate == 0 ? 1_500_000 : bitrate);
    });

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(20)]
    public void In_an_outage_the_rate_halves_every_700_ms_however_often_the_clock_ticks(int tick)
    {
        using var call = new Call(options: new RtpSessionOptions { MinBitrate = 10_000 }) { TickInterval = tick * 1000 };
        call.Run(TimeSpan.FromSeconds(4));
        call.Up.Cut = call.Down.Cut = true;
        call.Run(TimeSpan.FromMilliseconds(1000));
        var before = call.Alice.Stats(call.Moment).EstimatedBitrate;
        call.Run(TimeSpan.FromMilliseconds(1400));

        Assert.InRange(call.Alice.Stats(call.Moment).EstimatedBitrate, 0.24 * before, 0.26 * before);
    }

    private static void ForSeeds(VideoCodec codec, Action<Call> scenario)
    {
        // Tick intervals of an endpoint, normally and on a busy machine.
        foreach (var (seed, tick) in new[] { (1, 5), (2, 5), (3, 5), (1, 10) })
        {
            using var call = new Call(codec, seed) { TickInterval = tick * 1000 };
            call.Up.Delay = call.Down.Delay = 20_000;
            scenario(call);
            Assert.Empty(call.Wrong);
        }
    }

    private static void AssertNoFreeze(Call call, long from, long limit) => Assert.InRange(call.LongestGap(from, call.Now), 0, limit);

    private static void AssertFrames(Call call, double share) =>
        Assert.True(call.Frames.Count >= share * call.FramesOffered, $"{call.Frames.Count} of {call.FramesOffered} frames");

    private static void AssertDelay(Call call, long p95, long most, long from = 0)
    {
        Assert.InRange(call.DelayPercentile(0.95, from), 0, p95);
        Assert.InRange(call.DelayPercentile(1, from), 0, most);
    }

    private static void AssertTargetAbove(Call call, long from, long limit)
    {
        var before = call.Targets.LastOrDefault(t => t.At < from).Bitrate;
        var least = call.Targets.Where(t => t.At >= from).Select(t => t.Bitrate).Append(before == 0 ? int.MaxValue : before).Min();
        Assert.True(least >= limit, $"the target fell to {least / 1000} kbit/s, under {limit / 1000}");
    }

    /// <summary>From 5 s on, never below half of the link, and over each second above it only by the encoder's own overshoot.</summary>
    private static void AssertSettled(Call call, long since, long link)
    {
        AssertTargetAbove(call, since + 5 * Second, link / 2);
        if (call.Up.Bitrate > 0)
        {
            var targets = call.Targets.Where(t => t.At >= since + 5 * Second).ToList();
            var highest = targets.Select(t => t.Bitrate).DefaultIfEmpty(0).Max();
            Assert.True(highest <= 1.35 * link, $"the target rose to {highest / 1000} kbit/s");
        }
    }
}
