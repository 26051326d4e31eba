using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Live.Broadcast;
using TrueLive.WebRtc.Rtp;

namespace TrueLive.Server.Tests.Live.Broadcast;

/// <summary>The sequence numbers and times of the sound as viewers get them.</summary>
public sealed class SoundLineTests
{
    private const int Packet = 960;
    private readonly FakeTimeProvider _time = new();
    private readonly SoundLine _line;

    public SoundLineTests() => _line = new SoundLine(_time);

    [Fact]
    public void Loss_and_order_of_one_sender_stay_visible()
    {
        var first = Next("a", 100, 5000);
        // 101 is lost, 103 overtakes 102.
        Assert.Equal((first.Sequence + 3, first.RtpTime + 3 * Packet), Next("a", 103, 5000 + 3 * Packet));
        Assert.Equal((first.Sequence + 2, first.RtpTime + 2 * Packet), Next("a", 102, 5000 + 2 * Packet));
        Assert.Equal((first.Sequence + 4, first.RtpTime + 4 * Packet), Next("a", 104, 5000 + 4 * Packet));
    }

    [Fact]
    public void A_pause_of_the_speaker_is_a_step_in_time_and_none_in_number()
    {
        var first = Next("a", 100, 5000);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal((first.Sequence + 1, first.RtpTime + 30 * 48_000), Next("a", 101, 5000 + 30 * 48_000, wait: 0));
    }

    [Theory]
    [InlineData("b", 7u, 60_000, 3_000_000_000u)]
    [InlineData("b", 1u, 101, 5000u)]
    [InlineData("a", 2u, 60_000, 3_000_000_000u)]
    [InlineData("a", 1u, 101, 3_000_000_000u)]
    [InlineData("a", 1u, 101, 0u)]
    [InlineData("a", 1u, 30_000, 5960u)]
    public void Another_sender_or_stream_and_jumps_go_on_where_the_line_is(string source, uint ssrc, long sequence, uint stamp)
    {
        var last = Next("a", 100, 5000);
        _time.Advance(TimeSpan.FromSeconds(3));
        var next = Next(source, sequence, stamp, ssrc, wait: 0);
        Assert.Equal(last.Sequence + 1, next.Sequence);
        Assert.InRange(next.RtpTime - last.RtpTime, 3u * 48_000, 3u * 48_000 + Packet);
        Assert.Equal((next.Sequence + 1, next.RtpTime + Packet), Next(source, sequence + 1, stamp + Packet, ssrc));
    }

    [Fact]
    public void A_sound_card_that_is_wrong_by_500_millionths_is_never_corrected_in_jumps()
    {
        var last = Next("a", 0, 0);
        for (var i = 1; i < 50 * 3600; i++)
        {
            var next = Next("a", i, (uint)(i * 960.48));
            Assert.Equal(last.Sequence + 1, next.Sequence);
            Assert.InRange(next.RtpTime - last.RtpTime, 960u, 961u);
            last = next;
        }
    }

    [Fact]
    public void Times_that_wrap_are_no_jump()
    {
        var last = Next("a", 65_535, uint.MaxValue - 100);
        Assert.Equal((last.Sequence + 1, last.RtpTime + Packet), Next("a", 65_536, unchecked(uint.MaxValue - 100 + (uint)Packet)));
    }

    private (long Sequence, uint RtpTime) Next(string source, long sequence, uint stamp, uint ssrc = 1, int wait = 20)
    {
        _time.Advance(TimeSpan.FromMilliseconds(wait));
        return _line.Next(source, new OpusPacket([1], stamp, sequence, ssrc), _time.GetTimestamp());
    }
}
