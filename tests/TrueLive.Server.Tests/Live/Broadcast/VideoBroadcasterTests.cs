using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;
using TrueLive.Server.Live.Broadcast;

namespace TrueLive.Server.Tests.Live.Broadcast;

public sealed class VideoBroadcasterTests
{
    private sealed class Uptime(double seconds) : TimeProvider
    {
        public double Seconds { get; set; } = seconds;

        public override long TimestampFrequency => 1_000_000_000;

        public override long GetTimestamp() => (long)(Seconds * 1e9);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(30_000)]
    [InlineData(40_000)]
    [InlineData(50_000)]
    public void Stamps_are_as_far_apart_as_the_frames_however_long_the_machine_has_run(double uptime)
    {
        var clock = new Uptime(uptime);
        using var broadcaster = new VideoBroadcaster(clock, 1_000_000);
        var stamps = new List<uint>();
        for (var i = 0; i < 90; i++, clock.Seconds += 1 / 30.0)
        {
            stamps.Add(broadcaster.StampOf(TimeSpan.FromSeconds(i / 30.0)));
        }
        Assert.All(stamps.Zip(stamps.Skip(1), (a, b) => b - a), apart => Assert.InRange(apart, 2999u, 3001u));
        Assert.InRange(stamps[0] - (uint)(ulong)(uptime * 90_000), 0u, 1u);
    }

    [Theory]
    [InlineData(1.0005)]
    [InlineData(0.9995)]
    public void A_camera_clock_that_is_wrong_by_500_millionths_is_followed_without_jumps(double rate)
    {
        var clock = new Uptime(100);
        using var broadcaster = new VideoBroadcaster(clock, 1_000_000);
        uint last = 0;
        for (var i = 0; i < 3 * 3600 * 30; i++, clock.Seconds += 1 / 30.0)
        {
            var stamp = broadcaster.StampOf(TimeSpan.FromSeconds(i / 30.0 * rate));
            if (i > 0)
                Assert.InRange(stamp - last, 2990u, 3010u);
            last = stamp;
        }
        Assert.InRange((int)(last - (uint)(ulong)((clock.Seconds - 1 / 30.0) * 90_000)), -15_000, 15_000);
    }

    [Fact]
    public void An_input_that_takes_over_after_a_second_goes_on_at_an_even_pace()
    {
        var clock = new Uptime(500);
        using var broadcaster = new VideoBroadcaster(clock, 1_000_000);
        var stamps = new List<uint>();
        for (var i = 0; i < 90; i++, clock.Seconds += 1 / 30.0)
        {
            stamps.Add(broadcaster.StampOf(TimeSpan.FromSeconds(i % 30 / 30.0)));
        }
        Assert.All(stamps.Zip(stamps.Skip(1), (a, b) => b - a), apart => Assert.InRange(apart, 2998u, 3002u));
    }

    [Fact]
    public void The_last_picture_is_kept_one_at_a_time_and_given_back_at_the_end()
    {
        var pool = new FramePool("broadcaster");
        var broadcaster = new VideoBroadcaster(TimeProvider.System, 1_000_000);
        Assert.Null(broadcaster.TakeLast());
        for (var i = 0; i < 5; i++)
        {
            using var frame = pool.Rent(32, 32);
            broadcaster.Write(new MadeFrame(frame, Trace(i)));
        }
        Assert.Equal(1, pool.Rented);
        var (last, trace) = broadcaster.TakeLast()!.Value;
        last.Dispose();
        Assert.Equal((4L, FrameOrigin.Repeated), (trace.OutputSequence, trace.Origin));
        broadcaster.Dispose();
        Assert.Equal(0, pool.Rented);
        using var late = pool.Rent(32, 32);
        Assert.False(broadcaster.Write(new MadeFrame(late, Trace(9))));
        broadcaster.Dispose();

        static FrameTicket Trace(int i) => new(i, TimeSpan.Zero, 1, 0) { OutputSequence = i };
    }

    [Fact]
    public void Two_pictures_of_one_moment_are_told_apart_and_a_new_input_begins_where_the_clock_is()
    {
        var clock = new Uptime(30_000);
        using var broadcaster = new VideoBroadcaster(clock, 1_000_000);
        var first = broadcaster.StampOf(TimeSpan.FromSeconds(5));
        Assert.Equal(first + 1, broadcaster.StampOf(TimeSpan.FromSeconds(5)));
        clock.Seconds += 8 * 3600;
        Assert.Equal((uint)(ulong)(clock.Seconds * 90_000), broadcaster.StampOf(TimeSpan.Zero));
    }
}
