using TrueLive.Core.Frames;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Trials;

/// <summary>Sends one frame after the other to one or two sessions at the same moments, 30 frames of the plan a second.</summary>
internal sealed class TrialSender(IReadOnlyList<TrialLane> lanes, TrialSetting setting)
{
    private int _due;
    private int _late;

    /// <summary>Frames of the plan that are over.</summary>
    public int Frame { get; private set; }

    /// <summary>When the first frame was due.</summary>
    public long Zero { get; private set; }

    /// <summary>Seconds from the first frame to now.</summary>
    public double Now => setting.Time.GetElapsedTime(Zero).TotalSeconds;

    /// <summary>Why what was measured does not count; null when it does.</summary>
    public string? Invalid => _late > 0.01 * _due
        ? "this machine was too busy to send pictures in time; free it and run again"
        : lanes.Max(l => l.Unsent + l.Target.Unsent) > RunQuality.MostUnsent * _due
            ? "the probe failed to send its pictures; free the machine and the way to the target, and run again"
            : lanes.SelectMany(l => l.Target.Faults).FirstOrDefault();

    /// <summary>Begins with the first frame of new plans, one for each session.</summary>
    public void Begin(params IReadOnlyList<DrawFrame> drawings)
    {
        (Zero, Frame) = (setting.Time.GetTimestamp(), 0);
        for (var k = 0; k < lanes.Count; k++)
            lanes[k].Begin(drawings[k], Zero);
    }

    /// <summary>
    /// Sends the next frames of the plan: at 15 a second every other one, at 60 each one twice with other noise.
    /// </summary>
    /// <exception cref="TargetException">A session is over.</exception>
    public async Task SendAsync(int frames, int rate)
    {
        for (var end = Frame + frames; Frame < end; Frame++)
        {
            if (rate < CodeLaw.Rate && Frame % (CodeLaw.Rate / rate) != 0)
            {
                foreach (var lane in lanes)
                    lane.Skip();
                continue;
            }
            for (var copy = 0; copy < Math.Max(1, rate / CodeLaw.Rate); copy++)
                await SendAsync(copy).ConfigureAwait(false);
        }
    }

    private async Task SendAsync(int copy)
    {
        var drawn = lanes.Select(lane => lane.Draw(Frame, copy > 0)).ToArray();
        try
        {
            await WaitAsync((Frame + 0.5 * copy) / CodeLaw.Rate).ConfigureAwait(false);
            for (var k = 0; k < lanes.Count; k++)
            {
                if (lanes[k].EndedBecause is { } why)
                    throw new TargetException(why);
                await lanes[k].SendAsync(drawn[k], copy > 0, setting.Stop).ConfigureAwait(false);
            }
        }
        finally
        {
            foreach (var frame in drawn)
                frame.Dispose();
        }
    }

    private async Task WaitAsync(double seconds)
    {
        var due = Zero + (long)(seconds * setting.Time.TimestampFrequency);
        var wait = setting.Time.GetElapsedTime(setting.Time.GetTimestamp(), due);
        if (wait > TimeSpan.FromMilliseconds(1))
            await Task.Delay(wait, setting.Time, setting.Stop).ConfigureAwait(false);
        setting.Stop.ThrowIfCancellationRequested();
        _due++;
        _late += setting.Time.GetElapsedTime(due).TotalSeconds > RunQuality.LatestP99 ? 1 : 0;
    }
}
