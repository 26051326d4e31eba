using TrueLive.WebRtc.Rtp;
using TrueLive.Core.Frames;

namespace TrueLive.WebRtc.Tests.Rtp;

public class BottleneckTests
{
    [Fact]
    public void Trace()
    {
        void One(string name, Action<Call> set, double seconds = 15, Action<Call>? each = null, bool trace = false)
        {
            using var call = new Call();
            call.Up.Delay = call.Down.Delay = 20_000;
            set(call);
            for (var i = 0; i < seconds * 2; i++)
            {
                call.Run(TimeSpan.FromMilliseconds(500), 30, each);
                if (trace)
                {
                    var t = call.Alice.Stats(call.Ticks);
                    Console.WriteLine($"   target {call.Now / 1e6:F2} {call.Encoder / 1000} est {t.EstimatedBitrate / 1000} queue {t.BottleneckDelay.TotalMilliseconds:F0} pacer {t.PacerDelay.TotalMilliseconds:F0} loss {t.SendLoss:F2} rtt {t.RoundTrip?.TotalMilliseconds:F0} p50 {call.DelayPercentile(0.5, call.Now - 1_000_000) / 1000} keys {call.KeyFramesSent} frames {call.Frames.Count}");
                }
            }
            var s = call.Alice.Stats(call.Ticks);
            var b = call.Bob.Stats(call.Ticks);
            Console.WriteLine($"target {name,-22} frames {call.Frames.Count}/{call.FramesOffered} wrong {call.Wrong.Count} keys {call.KeyFramesSent} target {call.Encoder / 1000}k min {(call.Targets.Count > 0 ? call.Targets.Min(t => t.Bitrate) / 1000 : 0)}k p50 {call.DelayPercentile(.5) / 1000} p95 {call.DelayPercentile(.95) / 1000} max {call.DelayPercentile(1) / 1000} gap {call.LongestGap(1_000_000, call.Now) / 1000} nacks {b.NacksSent} rtx {s.PacketsRetransmitted} pli {b.KeyFrameRequestsSent} dropped {b.FramesDropped} refused {s.FramesRefused} queue {call.Up.LongestQueue / 1000}");
        }

        One("clean", c => { });
        One("loss2", c => c.Up.Loss = c.Down.Loss = 0.02);
        One("loss5", c => c.Up.Loss = c.Down.Loss = 0.05);
        One("loss10", c => c.Up.Loss = c.Down.Loss = 0.10);
        One("loss10 rtt200", c => { c.Up.Loss = c.Down.Loss = 0.10; c.Up.Delay = c.Down.Delay = 100_000; });
        One("loss5 rtt200", c => { c.Up.Loss = c.Down.Loss = 0.05; c.Up.Delay = c.Down.Delay = 100_000; });
        One("dup5", c => c.Up.Duplicate = c.Down.Duplicate = 0.05);
        One("jitter50", c => c.Up.Jitter = c.Down.Jitter = 50_000);
        One("jitter50 reorder", c => { c.Up.Jitter = c.Down.Jitter = 50_000; c.Up.Reorder = c.Down.Reorder = true; });
        One("jitter10 reorder", c => { c.Up.Jitter = c.Down.Jitter = 10_000; c.Up.Reorder = c.Down.Reorder = true; });
        One("1M", c => c.Up.Bitrate = 1_000_000);
        One("1M deep", c => { c.Up.Bitrate = 1_000_000; c.Up.MaxQueue = 2_000_000; });
        One("1M loss2", c => { c.Up.Bitrate = 1_000_000; c.Up.Loss = c.Down.Loss = 0.02; });
        One("3M", c => c.Up.Bitrate = 3_000_000);
        One("4M to 1M", c => c.Up.Bitrate = 4_000_000, 20, c => { if (c.Now > 7_000_000) { c.Up.Bitrate = 1_000_000; } });
        One("1M to 4M", c => c.Up.Bitrate = 1_000_000, 25, c => { if (c.Now > 7_000_000) { c.Up.Bitrate = 4_000_000; } });
        foreach (var cut in new[] { 3, 8 })
        {
            One($"cut {cut}", c => { }, 20, c => { c.Up.Cut = c.Down.Cut = c.Now >= 5_000_000 && c.Now < 5_000_000 + cut * 1_000_000; });
        }
    }
}
