using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;
using TrueLive.Core.Tiers;

namespace TrueLive.Core.Tests.Sessions;

public sealed class MaskWindowTests
{
    private readonly MaskWindow _masks = new(new FakeTimeProvider());

    private void Add(int ms, float person) => _masks.Add(new FrameMask("person", "blur", person, ms * TimeSpan.TicksPerMillisecond));

    [Fact]
    public void The_time_is_the_median_of_the_last_frames_and_who_is_seen_is_of_the_last_one()
    {
        Assert.Null(_masks.Snapshot());
        for (var i = 0; i < 100; i++)
            Add(90, 0);
        for (var i = 0; i < 40; i++)
            Add(4, 0.3f);
        Assert.Equal(new MaskStats(TimeSpan.FromMilliseconds(4), Nobody: false), _masks.Snapshot());
        Add(4, 0.001f);
        Assert.True(_masks.Snapshot()!.Nobody);
    }

    [Fact]
    public void It_ends_with_the_first_frame_without_a_mask()
    {
        Add(90, 0.3f);
        _masks.Add(null);
        Assert.Null(_masks.Snapshot());
        Add(4, 0.3f);
        Assert.Equal(TimeSpan.FromMilliseconds(4), _masks.Snapshot()!.P50);
    }

    [Fact]
    public void A_session_below_its_promise_says_what_the_mask_takes()
    {
        Assert.Equal("degraded: 21 fps", TierWords.Degraded(21.3));
        Assert.Equal("degraded: 21 fps (6 ms of each step is the mask)", TierWords.Degraded(21.3, TimeSpan.FromMilliseconds(6)));
    }
}
