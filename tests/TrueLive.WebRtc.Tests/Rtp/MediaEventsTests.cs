using System.Buffers;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Rtp;

namespace TrueLive.WebRtc.Tests.Rtp;

public sealed class MediaEventsTests
{
    [Fact]
    public void Of_events_that_nobody_takes_the_newest_are_dropped_and_counted_and_frames_go_on_with_a_key_frame()
    {
        var events = new MediaEvents();
        for (var i = 0; i < MediaEvents.Capacity; i++)
            Assert.True(Add(i, key: i == 0));
        Assert.False(Add(1000, key: false));
        Assert.False(events.Add(new MediaEvent(MediaEventKind.KeyFrameWanted)));
        for (var i = 0; i < 3; i++)
            Assert.True(events.TryTake(out _));

        // There is room again, but the frame refers to one that was dropped.
        Assert.False(Add(1001, key: false));
        Assert.True(events.Add(new MediaEvent(MediaEventKind.KeyFrameWanted)));
        Assert.True(Add(1002, key: true));
        Assert.True(Add(1003, key: false));
        Assert.Equal(3, events.Dropped);
        var stamps = new List<uint>();
        while (events.TryTake(out var happened))
            stamps.Add(happened.Kind == MediaEventKind.Frame ? happened.Frame.RtpTime : 0);
        Assert.Equal([0u, 1002, 1003], stamps.TakeLast(3));

        bool Add(int stamp, bool key) => events.Add(MediaEvent.Of(Frame(stamp, key), ArrayPool<byte>.Shared.Rent(1)));
        static EncodedFrame Frame(int stamp, bool key) =>
            new() { Codec = VideoCodec.Vp8, Data = [1], RtpTime = (uint)stamp, KeyFrame = key };
    }
}
