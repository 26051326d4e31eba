using TrueLive.WebRtc.Rtp;

namespace TrueLive.WebRtc.Tests.Rtp;

public class BottleneckTests
{
    [Fact]
    public void Trace()
    {
        using var call = new Call();
        call.Up.Bitrate = 1_000_000;
        call.Up.Delay = call.Down.Delay = 20_000;
        for (var i = 0; i < 60; i++)
        {
            call.Run(TimeSpan.FromMilliseconds(250));
            var s = call.Alice.Stats(call.Ticks);
            Console.WriteLine($"{call.Now / 1e6:F2} target {call.Encoder / 1000} est {s.EstimatedBitrate / 1000} queue {s.BottleneckDelay.TotalMilliseconds:F0} pacer {s.PacerDelay.TotalMilliseconds:F0} loss {s.SendLoss:F2} rtt {s.RoundTrip?.TotalMilliseconds:F0} p50 {call.DelayPercentile(0.5, call.Now - 1_000_000) / 1000} dropped {call.Up.Dropped} keys {call.KeyFramesSent}");
        }
    }
}
