using TrueLive.WebRtc.Rtp;

namespace TrueLive.WebRtc.Tests.Rtp;

/// <summary>Forwarded streams, and parameter sets collected from different times and places of a stream.</summary>
public class PassedOnTests
{
    [Fact]
    public void Sound_that_is_passed_on_keeps_its_gaps_and_its_order()
    {
        using var call = new Call();
        // 5003 is lost before it gets here and 5005 overtakes 5004; packets older than the first one are useless to a player.
        foreach (var number in new[] { 5001, 5002, 5005, 5004, 5000, 5006 })
            Assert.Equal(number >= 5001, call.Alice.SendAudio([0x78, 1, 2], (uint)(number * 960), call.Moment, number));
        // Our own sound continues after it.
        Assert.True(call.Alice.SendAudio([0x78, 1, 2], 5007 * 960, call.Moment));
        call.Run(TimeSpan.FromMilliseconds(50), framesPerSecond: 0);

        var first = call.SoundAtBob[0].Sequence;
        Assert.Equal([0, 1, 4, 3, 5, 6], call.SoundAtBob.Select(s => s.Sequence - first));
        Assert.All(call.SoundAtBob, s => Assert.Equal((uint)(5001 + s.Sequence - first) * 960, s.RtpTime));
        Assert.Equal(1, call.Bob.Stats(call.Moment).AudioPacketsReceived - 5);
    }

    [Fact]
    public void All_parameter_sets_of_a_stream_are_put_before_a_key_frame_without_any_and_the_newest_of_each_id()
    {
        // seq_parameter_set_id 0; pic_parameter_set_id 0, 1 (ue 010), 2 (ue 011).
        byte[] sps = [0x67, 0x42, 0xC0, 0x1F, 0x8C, 0x68], first = [0x68, 0xCE, 0x3C], second = [0x68, 0x4E, 0x3C],
        third = [0x68, 0x6E, 0x3C], newer = [0x68, 0x4E, 0x3D];
        var sets = new H264ParameterSets([0, 0, 0, 1, .. sps, 0, 0, 1, .. first]);
        foreach (var set in new[] { third, second, newer, sps })
            sets.Remember(set);
        using var frame = new FrameBuffer();
        Assert.True(frame.Append([0, 0, 0, 1, 0x65, 0x88]));
        Assert.True(sets.PutBefore(frame));
        Assert.Equal([0, 0, 0, 1, .. sps, 0, 0, 0, 1, .. first, 0, 0, 0, 1, .. newer, 0, 0, 0, 1, .. third, 0, 0, 0, 1, 0x65, 0x88],
            frame.Span.ToArray());
    }

    [Fact]
    public void Parameter_sets_without_number_take_no_more_room_than_64()
    {
        var sets = new H264ParameterSets(default);
        Assert.False(sets.Known);
        for (var id = 0; id < 256; id++)
        {
            // ue(v) of the id, in 17 bits at most.
            var zeros = (int)Math.Log2(id + 1);
            var bits = (uint)(id + 1) << (31 - 2 * zeros);
            sets.Remember([0x68, (byte)(bits >> 24), (byte)(bits >> 16), (byte)(bits >> 8 | 0x7F), 1, 2, 3]);
        }

        sets.Remember([0x68]);
        sets.Remember(new byte[2000]);
        using var frame = new FrameBuffer();
        Assert.True(sets.PutBefore(frame));
        Assert.Equal(64, frame.Length / 11);
    }

    [Theory]
    [InlineData(new byte[] { 0x65, 0x88, 0x84 }, nameof(H264Start.Bare))]
    [InlineData(new byte[] { 0x65, 0x48, 0x84 }, nameof(H264Start.None))]
    [InlineData(new byte[] { 0x7C, 0x85, 0x88 }, nameof(H264Start.Bare))]
    [InlineData(new byte[] { 0x7C, 0x05, 0x88 }, nameof(H264Start.None))]
    [InlineData(new byte[] { 0x41, 0x9A, 0x00 }, nameof(H264Start.None))]
    [InlineData(new byte[] { 0x06, 0x06, 0x01, 0xC4, 0x80 }, nameof(H264Start.Bare))]
    [InlineData(new byte[] { 0x06, 0x05, 0x02, 0x06, 0x01, 0x80 }, nameof(H264Start.None))]
    [InlineData(new byte[] { 0x06, 0x01, 0x01, 0x00, 0x06, 0x01, 0xC4, 0x80 }, nameof(H264Start.Bare))]
    [InlineData(new byte[] { 0x78, 0x00, 0x02, 0x67, 0x42, 0x00, 0x02, 0x65, 0x88 }, nameof(H264Start.WithSets))]
    [InlineData(new byte[] { 0x78, 0x00, 0x02, 0x09, 0x10, 0x00, 0x02, 0x65, 0x88 }, nameof(H264Start.Bare))]
    [InlineData(new byte[] { 0x78, 0xFF, 0xFF, 0x65 }, nameof(H264Start.None))]
    public void The_packets_that_decoding_can_begin_with_are_found(byte[] payload, string start) =>
        Assert.Equal(start, H264Payload.Start(payload).ToString());
}
