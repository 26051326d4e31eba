using TrueLive.Core.Frames;
using TrueLive.WebRtc.Rtcp;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc.Tests.Rtp;

/// <summary>Repair and refresh between two sessions (RFC 4585, RFC 4588, RFC 5104).</summary>
public class FeedbackTests
{
    [Fact]
    public void Key_frame_requests_are_answered_but_no_faster_than_the_limit()
    {
        using var call = new Call { Encoder = 1_000_000 };
        call.Run(TimeSpan.FromSeconds(1));
        var (keys, sender) = (call.KeyFramesSent, call.AliceSsrc);
        // A PLI every 10 ms for a second.
        call.Run(TimeSpan.FromSeconds(1), eachMillisecond: c =>
        {
            if (c.Now % 10_000 == 0)
            {
                var buffer = new byte[100];
                var writer = new RtcpWriter(buffer);
                writer.Pli(9, sender);
                c.Alice.ReceiveRtcp(buffer.AsSpan(0, writer.Length), c.Moment);
            }
        });

        Assert.InRange(call.KeyFramesSent - keys, 2, 4);
        Assert.Empty(call.Wrong);
    }

    [Fact]
    public void A_repeated_fir_counts_once_and_a_new_one_again()
    {
        using var call = new Call { Encoder = 1_000_000 };
        call.Run(TimeSpan.FromSeconds(1));
        var sender = call.AliceSsrc;
        foreach (var number in new byte[] { 5, 5, 5, 6 })
        {
            var buffer = new byte[100];
            var writer = new RtcpWriter(buffer);
            writer.Fir(9, sender, number);
            call.Alice.ReceiveRtcp(buffer.AsSpan(0, writer.Length), call.Moment);
        }

        Assert.Equal(2, call.Alice.Stats(call.Moment).KeyFrameRequestsReceived);
    }

    [Theory]
    [InlineData(VideoCodec.H264)]
    [InlineData(VideoCodec.Vp8)]
    public void A_hole_is_asked_for_once_a_round_trip_and_repaired_on_the_retransmission_stream(VideoCodec codec)
    {
        using var call = new Call(codec) { Encoder = 1_000_000 };
        call.Run(TimeSpan.FromSeconds(1));
        call.Up.Loss = 1;
        call.Run(TimeSpan.FromMilliseconds(34));
        call.Up.Loss = 0;
        call.Run(TimeSpan.FromSeconds(1));

        Assert.Empty(call.Wrong);
        Assert.Equal(1, call.KeyFramesSent);
        Assert.InRange(call.Frames.Count, call.FramesOffered - 1, call.FramesOffered);
        var (alice, bob) = (call.Alice.Stats(call.Moment), call.Bob.Stats(call.Moment));
        Assert.True(alice.PacketsRetransmitted > 0);
        Assert.Equal(bob.NacksSent, alice.NacksReceived);
        Assert.InRange(bob.NacksSent, bob.PacketsRepaired, 2 * bob.PacketsRepaired);
    }

    [Fact]
    public void When_nothing_repairs_the_hole_a_key_frame_is_asked_for()
    {
        using var call = new Call { Encoder = 1_000_000 };
        call.Run(TimeSpan.FromSeconds(1));
        call.Up.Cut = call.Down.Cut = true;
        call.Run(TimeSpan.FromSeconds(1));
        call.Up.Cut = call.Down.Cut = false;
        call.Run(TimeSpan.FromSeconds(1));

        Assert.Empty(call.Wrong);
        Assert.Equal(2, call.KeyFramesSent);
        Assert.Equal(1, call.Bob.Stats(call.Moment).KeyFrameRequestsSent);
    }

    [Fact]
    public void Without_a_retransmission_stream_a_packet_goes_out_again_as_it_was()
    {
        using var call = new Call(agree: WithoutRtx) { Encoder = 1_000_000 };
        call.Up.Loss = 0.05;
        call.Run(TimeSpan.FromSeconds(15));

        Assert.Empty(call.Wrong);
        Assert.True(call.Repeats > 20, $"{call.Repeats} repeats");
        Assert.Equal(1, call.KeyFramesSent);
        Assert.InRange(call.Frames.Count, 0.97 * call.FramesOffered, call.FramesOffered);
        // 5 % are lost, and retransmissions must not count as further losses.
        Assert.All(call.Targets.Where(t => t.At > 2_000_000), t => Assert.InRange(t.Bitrate, 900_000, int.MaxValue));

        static MediaPlan WithoutRtx(MediaPlan plan) =>
            plan with { SendVideo = Plain(plan.SendVideo!), ReceiveVideo = Plain(plan.ReceiveVideo!) };
        static VideoPlan Plain(VideoPlan plan) => plan with { Formats = [.. plan.Formats.Select(f => f with { RtxPayloadType = null })] };
    }
}
