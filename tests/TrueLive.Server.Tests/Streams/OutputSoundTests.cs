using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Streams;

namespace TrueLive.Server.Tests.Streams;

/// <summary>What is heard beside the pictures of an output: silence where there is no sound, and never too much of it.</summary>
public sealed class OutputSoundTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Pictures_without_sound_have_a_little_more_silence_than_they_need_and_no_hole_in_it()
    {
        var (sound, end) = (new OutputSound(_time), 0L);
        for (var picture = 0; picture < 10_000; picture += 33)
        {
            var (packets, at) = sound.Before(picture);
            Assert.Equal(end, at);
            end += packets * OutputSound.Packet;
            Assert.InRange(end, picture + 80, picture + 120);
        }
    }

    [Fact]
    public void Sound_that_comes_is_waited_for_until_it_is_late_or_stops()
    {
        var sound = new OutputSound(_time);
        sound.Before(0);
        Assert.False(sound.Takes(20), "silence lies there");
        Assert.True(sound.Takes(100));
        Assert.Equal(0, sound.Before(33).Packets);
        Assert.Equal(0, sound.Before(500).Packets);
        var (packets, at) = sound.Before(1000);
        Assert.Equal((120, 9), (at, packets));
        Assert.False(sound.Takes(200), "too late");
        Assert.False(sound.Takes(10_000), "not of this time");
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal((39, 300), sound.Before(1000));
    }

    [Fact]
    public void Sound_lies_where_the_picture_is_that_arrived_with_it_however_both_are_stamped_and_delayed()
    {
        var line = new OutputLine(_time);
        var random = new Random(7);
        for (var ms = 0; ms < 5000; ms += 20)
        {
            var now = _time.GetTimestamp();
            // Pictures 40 ms late at most, sound 10 ms.
            line.Picture(ms * 90 + 777, now + Late(40), anew: ms == 0);
            var at = line.Sound((uint)(ms * 48 + 4_294_900_000), now + Late(10));
            if (ms > 1000)
                Assert.InRange(at / 90.0 - ms - 777 / 90.0, -20, 20);
            _time.Advance(TimeSpan.FromMilliseconds(20));
        }

        long Late(int most) => random.Next(most) * _time.TimestampFrequency / 1000;
    }
}
