using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Models.Masks;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Capacity;

/// <summary>What one frame costs with a model at a size, measured on this machine.</summary>
/// <param name="ModelId">Model.</param>
/// <param name="Width">Model width.</param>
/// <param name="Height">Model height.</param>
/// <param name="StepMs">Median wall time of a step alone in milliseconds; of a chunk, over the frames that it gives.</param>
/// <param name="CpuMs">Processor time of decode, step and encode per frame in milliseconds, all threads together, with two side by
/// side.</param>
/// <param name="Frames">Frames measured.</param>
/// <param name="Beside">
/// Live sessions that ran meanwhile. What their frames took is left out as they were measured, and their steps made these longer.
/// </param>
internal sealed record FrameCost(string ModelId, int Width, int Height, double StepMs, double CpuMs, int Frames, int Beside = 0)
{
    /// <summary>The GPU that the steps ran on; null for the processor.</summary>
    public string? Device { get; init; }

    /// <summary>Bytes of that GPU's memory that a further session takes, beside the model's weights; 0 where they are not known.</summary>
    public long DeviceBytes { get; init; }
}

/// <summary>
/// What a mask adds to a frame of any model, measured on this machine: its network sees each size at about the same, and what is put
/// together grows with the pixels.
/// </summary>
/// <param name="BaseMs">Processor time in milliseconds for a frame of no pixels.</param>
/// <param name="PixelMs">Processor time for each pixel.</param>
/// <param name="Frames">Frames measured.</param>
internal sealed record MaskCost(double BaseMs, double PixelMs, int Frames)
{
    public double Of(int width, int height) => BaseMs + PixelMs * width * height;
}

/// <summary>
/// Decides whether this machine holds one more live session. A session's share is its processor time per second over what the
/// machine may spend; where its model runs on a GPU, the time of its steps per second is its share of that as well, and it needs its memory
/// there. A mask adds to the processor time. A model, or a mask, that could not be measured is taken to fill the machine. The first session
/// is always taken: a slow machine thins its input and says so. Thread-safe.
/// </summary>
internal sealed class Admission(int cores, int targetRate, int maxSessions)
{
    /// <summary>
    /// Share of the processors, and of a GPU's time, that live sessions may fill; the rest is for the network, the web server and the
    /// system.
    /// </summary>
    public const double Budget = 0.9;

    private volatile IReadOnlyList<FrameCost> _costs = [];
    private volatile MaskCost? _mask;

    /// <summary>
    /// Bytes of a GPU's memory that sessions may take in all, beside the weights of the models that are loaded; null where nobody knows.
    /// </summary>
    public Func<string, long?> RoomOn { get; init; } = _ => null;

    /// <summary>Cores of the machine.</summary>
    public int Cores => cores;

    /// <summary>Rate planned for, in frames per second.</summary>
    public int TargetRate => targetRate;

    /// <summary>What was measured so far.</summary>
    public IReadOnlyList<FrameCost> Costs => _costs;

    /// <summary>Adds a measurement, in the place of an earlier one of the same model and size.</summary>
    public void Learn(FrameCost cost) =>
        _costs = [.. _costs.Where(c => (c.ModelId, c.Width, c.Height) != (cost.ModelId, cost.Width, cost.Height)), cost];

    /// <summary>What a mask costs; null until it was measured.</summary>
    public MaskCost? Mask => _mask;

    /// <summary>Adds a measurement of the mask.</summary>
    public void Learn(MaskCost cost) => _mask = cost;

    /// <summary>Whether a prompt puts a mask on the pictures of a model.</summary>
    public static bool IsMasked(IVideoModel model, Prompt prompt) => model is MaskedModel && !KeepMask.Of(prompt).IsEmpty;

    /// <summary>Share of the machine that a session takes with what is known now.</summary>
    public double ShareOf(SessionSettings settings) =>
        ShareOf(settings.Model, settings.Width, settings.Height, IsMasked(settings.Model, settings.Prompt));

    /// <summary>Share of the machine that a session takes; 1 for a model without a measurement.</summary>
    public double ShareOf(IVideoModel model, int width, int height, bool masked = false) =>
        FrameMs(model, width, height, masked) is { } ms ? ms / 1000 * targetRate / (cores * Budget) : 1;

    /// <summary>
    /// Processor time of a frame in milliseconds: it scales with pixels from the nearest measured size of the model; null where none is.
    /// </summary>
    public double? FrameMs(IVideoModel model, int width, int height, bool masked = false) =>
        Nearest(model, width, height) is var (near, scale) ? near.CpuMs * scale + (masked ? _mask?.Of(width, height) : 0) : null;

    /// <summary>Sessions of one kind that the machine holds; at least 1.</summary>
    public int Capacity(IVideoModel model, int width, int height, bool masked = false)
    {
        if (maxSessions > 0)
            return maxSessions;
        var (device, share, bytes) = OnDevice(model, width, height);
        var places = 1 / Math.Max(ShareOf(model, width, height, masked), share);
        if (bytes > 0 && RoomOn(device!) is { } room)
            places = Math.Min(places, room / bytes);
        return (int)Math.Clamp(places, 1, int.MaxValue);
    }

    /// <summary>Null when such a session fits beside those that run.</summary>
    public Refusal? Refuse(IVideoModel model, int width, int height, IReadOnlyCollection<SessionSettings> running, TimeSpan retryAfter,
        bool masked = false)
    {
        var capacity = Capacity(model, width, height, masked);
        if (maxSessions > 0)
        {
            return running.Count < maxSessions ? null
                : new Refusal($"This server takes {maxSessions} live sessions and {running.Count} are running.", capacity,
                    running.Count, retryAfter);
        }
        var used = running.Sum(ShareOf);
        var (device, share, bytes) = OnDevice(model, width, height);
        var beside = device is null ? []
            : running.Select(s => OnDevice(s.Model, s.Width, s.Height)).Where(d => d.Device == device).ToArray();
        var (onDevice, taken) = (beside.Sum(d => d.Share), beside.Sum(d => d.Bytes));
        var room = bytes > 0 ? RoomOn(device!) : null;
        if (running.Count == 0 || (used + ShareOf(model, width, height, masked) <= 1 && onDevice + share <= 1 && !(taken + bytes > room)))
            return null;
        if (taken + bytes > room)
        {
            return new Refusal(
                $"{model.Info.Title} at {width}x{height} needs {bytes >> 20} MB of the memory of {device}, and {taken >> 20} of the " +
                $"{room >> 20} MB for sessions are in use there. Try again later, or ask for a smaller size.", capacity, running.Count,
                retryAfter);
        }
        if (onDevice + share > 1)
        {
            return new Refusal(
                $"{device} holds {capacity} live session(s) of {model.Info.Title} at {width}x{height} and {targetRate} frames per second " +
                $"({onDevice:P0} of its time is in use). Try again later, or ask for a smaller size.", capacity, running.Count, retryAfter);
        }
        if (running.Select(s => s.Model).Append(model).FirstOrDefault(m => !IsMeasured(m)) is not { } unknown)
        {
            var (kind, advice) = masked ? (" with a mask of the person", ", ask for a smaller size, or leave the mask out")
                : ("", ", or ask for a smaller size");
            return new Refusal(
                $"This machine holds {capacity} live session(s) of {model.Info.Title} at {width}x{height}{kind} and {targetRate} frames " +
                $"per second ({used:P0} of it is in use by {running.Count}). Try again later{advice}.", capacity, running.Count,
                retryAfter);
        }
        return new Refusal(
            $"What {unknown.Info.Title} costs could not be measured, so that it runs alone, and {running.Count} live session(s) " +
                "are running. " +
            "Try again later.", 1, running.Count, retryAfter);
    }

    // The share of a GPU's time that a session takes, and what it takes of its memory.
    private (string? Device, double Share, long Bytes) OnDevice(IVideoModel model, int width, int height)
    {
        if (Nearest(model, width, height) is not ({ Device: { } device } near, var scale))
            return (null, 0, 0);
        var bytes = Nearest(model, width, height, c => c.DeviceBytes > 0) is var (known, factor) ? known.DeviceBytes * factor : 0;
        return (device, near.StepMs * scale / 1000 * targetRate / Budget, (long)bytes);
    }

    // The nearest measured size of the model, and how many times its pixels a session has.
    private (FrameCost Cost, double Scale)? Nearest(IVideoModel model, int width, int height, Func<FrameCost, bool>? among = null)
    {
        var pixels = (double)width * height;
        var near = _costs.Where(c => c.ModelId == model.Info.Id && among?.Invoke(c) != false)
            .MinBy(c => Math.Abs(c.Width * c.Height - pixels));
        return near is null ? null : (near, pixels / ((double)near.Width * near.Height));
    }

    private bool IsMeasured(IVideoModel model) => _costs.Any(c => c.ModelId == model.Info.Id);
}
