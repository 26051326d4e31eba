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

    private bool Send(OutputQueue queue, bool key, byte number = 0)
    {
        queue.IsReady = queue.CanTake;
        return queue.Send(new EncodedFrame { Codec = VideoCodec.H264, Data = [number, 1, 2, 3], RtpTime = 0, KeyFrame = key });
    }
}
