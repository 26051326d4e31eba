using TrueLive.Core.Frames;
using TrueLive.WebRtc.Peers;
using TrueLive.WebRtc.Tests.Rtp;

namespace TrueLive.WebRtc.Tests.Peers;

/// <summary>Whole calls, from the first check to the goodbye, in virtual time.</summary>
public sealed class WholeCallTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0.05)]
    [InlineData(3, 0.2)]
    public void A_call_comes_about_and_goes_on_over_a_path_that_loses(int seed, double loss)
    {
        using var call = new WholeCall(seed, loss);
        call.Connect();
        var channel = call.Alice.Connection.OpenChannel("control", ordered: true, maxRepeats: null, call.Clock.Now);
        call.RunUntil(() => channel.IsOpen && call.Bob.Channels.Count == 1);
        var texts = Enumerable.Range(0, 50).Select(i => $"{i}").ToList();
        var spoken = 0;
        var next = 0;
        call.Run(10, () =>
        {
            if (call.Now % 33_000 == 0)
            {
                call.Alice.SendFrame();
                call.Bob.SendFrame();
            }
            if (call.Now % 20_000 == 0
                && call.Alice.Connection.SendAudio(new byte[80], (uint)(call.Now * 48 / 1000), null, null, call.Clock.Now))
                spoken += 80;
            if (call.Now % 100_000 == 0 && next < texts.Count
                && call.Alice.Connection.Send(channel, System.Text.Encoding.UTF8.GetBytes(texts[next]), isText: true, call.Clock.Now))
                Assert.True(call.Bob.Connection.Send(call.Bob.Channels[0], System.Text.Encoding.UTF8.GetBytes(texts[next++]), isText: true,
                    call.Clock.Now));
        });
        call.RunUntil(() => call.Alice.Texts.Count == 50 && call.Bob.Texts.Count == 50);

        Assert.Equal(texts, call.Alice.Texts);
        Assert.Equal(texts, call.Bob.Texts);
        Assert.InRange(call.Alice.Frames.Count, (loss < 0.1 ? 0.95 : 0.5) * call.Bob.Sent, call.Bob.Sent);
        Assert.InRange(call.Bob.Frames.Count, (loss < 0.1 ? 0.95 : 0.5) * call.Alice.Sent, call.Alice.Sent);
        Assert.InRange(call.Bob.Sound, (1 - loss - 0.1) * spoken, spoken);
    }

    [Fact]
    public void After_a_restart_of_ice_the_call_goes_on_over_another_way()
    {
        using var call = new WholeCall(4, loss: 0.05);
        call.Connect();
        Frames(call, 2);
        call.Open.Add(2);
        call.RestartIce();
        call.Reach(2);
        Frames(call, 3);
        call.Open.Remove(1);
        var before = call.Bob.Frames.Count;
        Frames(call, 3);

        Assert.Equal(2, ((WholeCall.Way)call.Alice.Connection.Route!).Address);
        Assert.Equal(2, ((WholeCall.Way)call.Bob.Connection.Route!).Address);
        Assert.InRange(call.Bob.Frames.Count - before, 80, 100);
        Assert.Equal(PeerState.Connected, call.Bob.Connection.State);
    }

    [Fact]
    public void A_goodbye_is_heard_though_the_path_loses_every_third_packet()
    {
        using var call = new WholeCall(5);
        call.Connect();
        call.Up.Loss = 0.33;
        call.Alice.Connection.Close("Enough.", call.Clock.Now);
        call.RunUntil(() => call.Bob.Connection.State == PeerState.Closed, 1);

        Assert.Equal("Enough.", call.Alice.Connection.Reason);
        Assert.Equal("The far side closed the connection.", call.Bob.Connection.Reason);
        Assert.False(call.Alice.Connection.SendVideo(new EncodedFrame { Codec = VideoCodec.H264, Data = [1], RtpTime = 1, KeyFrame = true },
            call.Clock.Now));
    }

    [Fact]
    public void A_cut_of_some_seconds_is_survived_and_one_of_half_a_minute_ends_the_call()
    {
        using var call = new WholeCall(6);
        call.Connect();
        Frames(call, 2);
        call.Up.Cut = call.Down.Cut = true;
        Frames(call, 5);
        call.Up.Cut = call.Down.Cut = false;
        var back = call.Now;
        Frames(call, 3);
        Assert.InRange(call.Bob.FramesAt.First(at => at > back) - back, 0, 1_500_000);

        call.Up.Cut = call.Down.Cut = true;
        call.Run(36);
        Assert.Contains("30 s", call.Bob.Connection.Reason, StringComparison.Ordinal);
        Assert.Contains("30 s", call.Alice.Connection.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Video_that_is_stopped_and_goes_on_by_agreement_goes_on_with_a_key_frame()
    {
        using var call = new WholeCall(9, loss: 0.02);
        call.Connect();
        Frames(call, 2);
        var (alice, bob) = (call.Alice.Connection.Plan, call.Bob.Connection.Plan);
        call.Alice.Connection.Update(alice with { SendVideo = null }, call.Clock.Now);
        call.Bob.Connection.Update(bob with { ReceiveVideo = null }, call.Clock.Now);
        call.Run(0.1);
        var until = call.Bob.Frames.Count;
        Assert.Null(call.Alice.Connection.SendCodec);
        call.Run(1, () => Assert.False(call.Alice.Connection.CanSendVideo(call.Clock.Now)));
        Assert.Equal(until, call.Bob.Frames.Count);

        call.Alice.Connection.Update(alice, call.Clock.Now);
        call.Bob.Connection.Update(bob, call.Clock.Now);
        call.Run(0.05);
        Frames(call, 2);
        Assert.InRange(call.Bob.Frames.Count - until, 55, 61);
    }

    [Fact]
    public void Nobody_there_is_said_in_words_after_half_a_minute()
    {
        using var call = new WholeCall(7);
        call.Open.Clear();
        call.Run(31);
        Assert.Contains("blocked", call.Alice.Connection.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Packets_and_frames_leave_no_garbage()
    {
        using var call = new WholeCall(8);
        call.Connect();
        var frame = TestFrames.Make(VideoCodec.H264, 1, true, 12_000);
        var number = 0L;
        Exchange(300, frame);
        // The cost of ICE checks, which get no answer here, is subtracted.
        var each = (Exchange(300, frame) - Exchange(300, [])) / 300;

        Assert.InRange(call.HandedOver, 590, 600);
        // A frame is eleven packets: one object for each would already be more.
        Assert.InRange(each, -100, 250);

        long Exchange(int frames, byte[] data)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < frames; i++)
            {
                if (data.Length > 0)
                    call.Alice.Connection.SendVideo(Of(data, number++), call.Clock.Now);
                call.HandOver(33);
            }
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        static EncodedFrame Of(byte[] data, long number) =>
            new() { Codec = VideoCodec.H264, Data = data, RtpTime = (uint)number * 3000, KeyFrame = true };
    }

    private static void Frames(WholeCall call, double seconds) => call.Run(seconds, () =>
    {
        if (call.Now % 33_000 == 0)
            call.Alice.SendFrame();
    });
}
