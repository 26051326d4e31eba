using System.Diagnostics.Metrics;
using TrueLive.Core.Frames;

namespace TrueLive.Core.Sessions;

/// <summary>Why a received frame was never decoded, so that no session counts it.</summary>
public enum InputDrop : byte
{
    /// <summary>The decoder lagged: coded frames are dropped up to the next key frame.</summary>
    Overdue,

    /// <summary>Broken, or without the key frame that it depends on.</summary>
    Undecodable,

    /// <summary>The client's pictures cost more to decode than its share.</summary>
    OverBudget,
}

/// <summary>The process-wide instruments of the live path, under the meter <see cref="MeterName"/>. Durations in seconds.</summary>
public static class SessionMetrics
{
    /// <summary>Name to subscribe to.</summary>
    public const string MeterName = "TrueLive";

    private static readonly Meter Meter = new(MeterName);
    private static readonly KeyValuePair<string, object?> Wait = new("stage", "wait");
    private static readonly KeyValuePair<string, object?> Decode = new("stage", "decode");
    private static readonly KeyValuePair<string, object?> Held = new("stage", "held");
    private static readonly KeyValuePair<string, object?> Step = new("stage", "step");
    private static readonly KeyValuePair<string, object?> Send = new("stage", "send");
    private static readonly KeyValuePair<string, object?> Overdue = new("reason", "overdue");
    private static readonly KeyValuePair<string, object?> Undecodable = new("reason", "undecodable");
    private static readonly KeyValuePair<string, object?> OverBudget = new("reason", "over_budget");

    private static readonly InstrumentAdvice<double> Buckets = new()
    {
        HistogramBucketBoundaries = [0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1],
    };

    internal static Counter<long> FramesReceived { get; } =
        Meter.CreateCounter<long>("truelive.frames.received", "{frame}", "Frames decoded.");

    internal static Counter<long> FramesDropped { get; } =
        Meter.CreateCounter<long>("truelive.frames.dropped", "{frame}", "Frames without an output of their own, by reason.");

    /// <summary>Counts frames that were lost between network and mailbox.</summary>
    public static void InputDropped(InputDrop reason, long frames = 1)
    {
        if (frames > 0)
            FramesDropped.Add(frames, reason switch { InputDrop.Overdue => Overdue, InputDrop.OverBudget => OverBudget, _ => Undecodable });
    }

    private static readonly Counter<long> FramesSent =
        Meter.CreateCounter<long>("truelive.frames.sent", "{frame}", "Frames made and handed to a client.");

    private static readonly Histogram<double> StageTime =
        Meter.CreateHistogram("truelive.frame.stage.duration", "s", "Time in each stage of the live path.", advice: Buckets);

    private static readonly Histogram<double> Age =
        Meter.CreateHistogram("truelive.frame.age", "s", "From the whole input frame being here to its output being handed over.",
            advice: Buckets);

    static SessionMetrics() => Meter.CreateObservableUpDownCounter(
        "truelive.frames.rented", () =>
            FramePool.RentedByPurpose.Select(p => new Measurement<int>(p.Frames, new KeyValuePair<string, object?>("purpose", p.Purpose))),
        "{frame}", "Pictures held in memory, by purpose: one that only grows tells of a leak.");

    internal static void Record(TimeProvider time, in FrameTicket frame, long from, long sentAt)
    {
        FramesSent.Add(1);
        if (frame.Decoded != 0)
        {
            StageTime.Record(time.GetElapsedTime(from, frame.Decoded).TotalSeconds, Decode);
            StageTime.Record(time.GetElapsedTime(frame.Decoded, frame.Taken).TotalSeconds, Wait);
        }
        if (frame.Held > 0)
            StageTime.Record(time.GetElapsedTime(0, frame.Held).TotalSeconds, Held);
        StageTime.Record(time.GetElapsedTime(frame.StepBegan, frame.StepEnded).TotalSeconds, Step);
        StageTime.Record(time.GetElapsedTime(frame.Released, sentAt).TotalSeconds, Send);
        Age.Record(time.GetElapsedTime(from, sentAt).TotalSeconds);
    }
}
