using TrueLive.Core.Frames;

namespace TrueLive.WebRtc.Tests.Rtp;

public class CleanPathTests
{
    [Theory]
    [InlineData(VideoCodec.H264, 1)]
    [InlineData(VideoCodec.H264, 3)]
    [InlineData(VideoCodec.Vp8, 1)]
    public void Every_frame_arrives_byte_for_byte_when_its_last_packet_does(VideoCodec codec, int slices)
    {
        using var call = new Call(codec, slices: slices) { Encoder = 1_000_000 };
        call.Run(TimeSpan.FromSeconds(3));

        Assert.Empty(call.Wrong);
        Assert.InRange(call.Frames.Count, call.FramesOffered - 1, call.FramesOffered);
        Assert.True(call.Frames[0].Key);
        // The path takes 5 ms; a delta frame must not wait for anything else.
        Assert.InRange(call.DelayPercentile(0.5), 5_000, 6_000);
        Assert.Equal(0, call.Bob.Stats(call.Moment).NacksSent);
        Assert.InRange(call.Alice.Stats(call.Moment).RoundTrip!.Value.TotalMilliseconds, 9, 13);
    }

    [Theory]
    [InlineData(VideoCodec.H264)]
    [InlineData(VideoCodec.Vp8)]
    public void Two_percent_loss_each_way_is_repaired_without_key_frames(VideoCodec codec)
    {
        using var call = new Call(codec) { Encoder = 1_000_000 };
        call.Up.Loss = call.Down.Loss = 0.02;
        call.Run(TimeSpan.FromSeconds(10));

        Assert.Empty(call.Wrong);
        Assert.InRange(call.Frames.Count, call.FramesOffered - 3, call.FramesOffered);
        Assert.True(call.Bob.Stats(call.Moment).PacketsRepaired > 5);
        Assert.Equal(1, call.KeyFramesSent);
    }

    [Fact]
    public void Audio_without_transport_feedback_is_not_taken_for_lost_video()
    {
        // As in Firefox's offers, only the video section has the extension.
        using var call = new Call(agree: plan => plan with
        {
            SendAudio = plan.SendAudio! with { Extensions = default },
            ReceiveAudio = plan.ReceiveAudio! with { Extensions = default },
        });
        call.Run(TimeSpan.FromSeconds(15), eachMillisecond: c =>
        {
            if (c.Now % 20_000 == 0)
            {
                c.Alice.SendAudio(new byte[80], (uint)(c.Now * 48 / 1000), c.Moment);
            }
        });

        Assert.Equal(750 * 80, call.AudioAtBob);
        Assert.All(call.Targets.Where(t => t.At > 1_000_000), t => Assert.InRange(t.Bitrate, 1_400_000, int.MaxValue));
        Assert.Empty(call.Wrong);
    }

    [Fact]
    public void The_time_from_the_last_packet_in_to_the_last_packet_out_is_told_for_each_frame()
    {
        using var call = new Call();
        var data = TestFrames.Make(VideoCodec.H264, 1, true, 20_000);
        call.Alice.SendVideo(new EncodedFrame
        {
            Codec = VideoCodec.H264,
            Data = data,
            RtpTime = 7,
            KeyFrame = true,
            Ticket = new(0, TimeSpan.Zero, call.Timestamp - TimeSpan.TicksPerMillisecond * 30, 7)
        }, call.Moment);
        // The pacer has sent at most a part of it.
        Assert.Empty(call.Left);
        call.Run(TimeSpan.FromMilliseconds(200), framesPerSecond: 0);
        call.Alice.SendVideo(new EncodedFrame
        {
            Codec = VideoCodec.H264,
            Data = TestFrames.Make(VideoCodec.H264, 2, false, 500),
            RtpTime = 8,
            KeyFrame = false
        }, call.Moment);

        var (stamp, took) = Assert.Single(call.Left);
        Assert.Equal(7u, stamp);
        Assert.InRange(took.TotalMilliseconds, 31, 150);
    }
}
