using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Server.Live.Broadcast;
using TrueLive.Server.Streams;

namespace TrueLive.Server.Tests.Streams;

/// <summary>What waits for an output is bounded, and what is let go is counted.</summary>
public sealed class OutputQueueTests
{
    private static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(33);

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task An_output_that_stalls_loses_whole_groups_of_pictures_and_goes_on_at_a_key_frame()
    {
        var queue = new OutputQueue(1_000_000, TimeSpan.FromSeconds(2), _time);
        Assert.False(Send(queue, key: true));
        queue.Open();
        for (var i = 0; i < 300; i++)
        {
            // The encoder makes a key frame when it is asked for one.
            Send(queue, key: queue.NeedsKeyFrame, number: (byte)i);
            _time.Advance(Frame);
            Assert.True(queue.Waiting <= OutputQueue.MaxWait + 2 * Frame, $"{queue.Waiting}");
        }
        Assert.InRange(queue.Dropped, 200, 299);
        using var next = await queue.NextAsync(TestContext.Current.CancellationToken);
        Assert.True(next.Key);
    }

    [Fact]
    public async Task An_output_that_keeps_up_loses_nothing()
    {
        var queue = new OutputQueue(1_000_000, TimeSpan.FromSeconds(2), _time);
        queue.Open();
        for (var i = 0; i < 300; i++)
        {
            Assert.True(Send(queue, key: queue.NeedsKeyFrame, number: (byte)i));
            using var next = await queue.NextAsync(TestContext.Current.CancellationToken);
            Assert.Equal((i == 0, (byte)i), (next.Key, next.Data.Span[0]));
            _time.Advance(Frame);
        }
        Assert.Equal(0, queue.Dropped);
    }

    [Fact]
    public async Task An_output_gets_key_frames_at_its_pace_and_the_last_picture_again_while_none_comes()
    {
        using var broadcaster = new VideoBroadcaster(_time, 1_000_000);
        var queue = new OutputQueue(800_000, TimeSpan.FromSeconds(2), _time);
        broadcaster.Add(queue);
        queue.Open();
        var pool = new FramePool("test");
        var keys = new List<int>();
        for (var i = 0; i < 150; i++)
        {
            using var picture = pool.Rent(64, 48);
            picture.Y.Fill((byte)i);
            picture.U.Fill(128);
            picture.V.Fill(128);
            Assert.True(broadcaster.Write(new MadeFrame(picture,
                new FrameTicket(i, TimeSpan.FromSeconds(i / 30.0), _time.GetTimestamp(), 0))));
            using var next = await queue.NextAsync(TestContext.Current.CancellationToken);
            if (next.Key)
                keys.Add(i);
            _time.Advance(TimeSpan.FromSeconds(1 / 30.0));
        }
        Assert.Equal([0, 60, 120], keys);
        for (var last = 0u; last < 5; last++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(600));
            using var repeat = await queue.NextAsync(TestContext.Current.CancellationToken);
            Assert.True(repeat.Length > 0);
        }
        Assert.Equal(1, pool.Rented);
    }

    [Fact]
    public async Task Sound_stays_with_its_picture_when_pictures_are_late_for_long_and_the_last_one_is_sent_again()
    {
        using var broadcaster = new VideoBroadcaster(_time, 1_000_000);
        var (queue, line, pool) = (new OutputQueue(800_000, TimeSpan.FromSeconds(2), _time), new OutputLine(_time), new FramePool("test"));
        var (source, sound) = (new SourceSound(_time), 0L);
        source.Heard = (in packet, arrived) => sound = line.Sound(packet.RtpTime, arrived);
        broadcaster.Add(queue);
        queue.Open();
        var (first, place, sent, began) = ((uint?)null, 0L, 0, _time.GetTimestamp());
        for (var i = 0; i < 600; i++)
        {
            // Each time that pictures become later, none comes for a while.
            var arrives = TimeSpan.FromSeconds(i / 30.0 + (i == 0 ? 0 : i < 200 ? 0.35 : i < 400 ? 0.7 : 1.05));
            while (arrives - _time.GetElapsedTime(began) is { Ticks: > 0 } wait)
                _time.Advance(wait < Frame ? wait : Frame);
            using var picture = pool.Rent(64, 48);
            picture.Y.Fill((byte)i);
            picture.U.Fill(128);
            picture.V.Fill(128);
            source.Picture((uint)(i * 3000), _time.GetTimestamp(), jumped: false);
            var isSent = broadcaster.Write(
                new MadeFrame(picture, new FrameTicket(i, TimeSpan.FromSeconds(i / 30.0), _time.GetTimestamp(), 0)));
            for (; sent < broadcaster.Coded; sent++)
            {
                using var next = await queue.NextAsync(TestContext.Current.CancellationToken);
                first ??= next.RtpTime;
                place = next.RtpTime - first.Value;
                line.Picture(place, next.Arrived, anew: sent == 0);
            }
            source.Packet([0], TimeSpan.FromSeconds(i / 30.0));
            // The broadcaster brings its stamps nearer to the clock, by a millisecond a second.
            Assert.InRange(sound / 90.0 - i / 0.03, -12, 35);
            // A picture whose place was taken comes next, and those after it, until they are back at theirs.
            if (isSent && i % 200 > 30)
                Assert.InRange((sound - place) / 90.0, -12, 12);
        }
        Assert.True(sent > 600, "no picture was sent again");
    }

    [Fact]
    public async Task The_last_picture_is_repeated_at_an_even_pace_by_timers_that_are_late_by_other_times()
    {
        using var broadcaster = new VideoBroadcaster(_time, 1_000_000);
        var queue = new OutputQueue(800_000, TimeSpan.FromSeconds(2), _time);
        broadcaster.Add(queue);
        queue.Open();
        using var picture = new FramePool("test").Rent(64, 48);
        broadcaster.Write(new MadeFrame(picture, new FrameTicket(0, TimeSpan.Zero, _time.GetTimestamp(), 0)));
        var coded = new List<long>();
        for (var ms = 0; ms < 9000; ms += 7)
        {
            _time.Advance(TimeSpan.FromMilliseconds(7));
            while (queue.Waiting > TimeSpan.Zero || coded.Count < broadcaster.Coded)
            {
                using var next = await queue.NextAsync(TestContext.Current.CancellationToken);
                coded.Add(next.RtpTime / 90);
            }
        }
        Assert.InRange(coded.Count, 28, 31);
        Assert.All(coded.Skip(1).Zip(coded.Skip(2), (a, b) => b - a), apart => Assert.InRange(apart, 299, 308));
    }

    private bool Send(OutputQueue queue, bool key, byte number = 0)
    {
        queue.IsReady = queue.CanTake;
        return queue.Send(new EncodedFrame { Codec = VideoCodec.H264, Data = [number, 1, 2, 3], RtpTime = 0, KeyFrame = key });
    }
}
