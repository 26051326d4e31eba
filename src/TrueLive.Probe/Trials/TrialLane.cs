using TrueLive.Core.Frames;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Trials;

/// <summary>Draws the picture of a frame; the second number is that of the noise.</summary>
internal delegate void DrawFrame(int frame, int noise, Picture picture);

/// <summary>One open session of a trial: it is sent pictures, and what comes back is read at once.</summary>
internal sealed class TrialLane : IAsyncDisposable
{
    private readonly IProbeTarget _target;
    private readonly TrialSetting _setting;
    private readonly Picture _picture;
    private readonly FramePool _pool = new("probe trial", 2);
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _ended = new();
    private DrawFrame _draw = (_, _, _) => { };
    private Observation _seen = new();
    private Task _receiving = Task.CompletedTask;
    private readonly long _attempt;
    private string? _failure;
    private long? _first;
    private long _zero;
    private int _skipped;
    private bool _closed;

    private TrialLane(IProbeTarget target, TrialSetting setting)
    {
        (_target, _setting, _picture) = (target, setting, new Picture(setting.Format.Width, setting.Format.Height));
        _zero = _attempt = setting.Time.GetTimestamp();
    }

    /// <summary>Seconds from the attempt to connect until the session was open.</summary>
    public double Opening { get; private set; }

    /// <summary>Seconds from the attempt to connect to the first picture back; NaN before it.</summary>
    public double First
    {
        get
        {
            lock (_gate)
                return _first is { } first ? Since(first) : double.NaN;
        }
    }

    /// <summary>Frames that could not be handed over.</summary>
    public int Unsent { get; private set; }

    /// <summary>The target itself.</summary>
    public IProbeTarget Target => _target;

    /// <summary>Why the session is over; null while it goes on.</summary>
    public string? EndedBecause => !_receiving.IsCompleted ? null : _failure ?? _target.EndedBecause ?? "the target ended the session";

    /// <summary>Opens a session, with the prompt if it takes prompts.</summary>
    /// <exception cref="TargetException">It cannot be opened.</exception>
    public static async Task<TrialLane> OpenAsync(IProbeTarget target, TrialSetting setting, CancellationToken cancel)
    {
        var lane = new TrialLane(target, setting);
        try
        {
            await target.ConnectAsync(setting.Format, cancel).ConfigureAwait(false);
            if (target.TakesPrompts)
                await target.PromptAsync(setting.Prompt, cancel).ConfigureAwait(false);
        }
        catch
        {
            await target.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        lane.Opening = lane.Since(setting.Time.GetTimestamp());
        lane._receiving = Task.Run(lane.ReceiveAsync, CancellationToken.None);
        return lane;
    }

    /// <summary>Draws all frames of a plan.</summary>
    public DrawFrame Drawing(StimulusPlan plan)
    {
        var renderer = new StimulusRenderer(plan.Seed, _setting.Format.Width, _setting.Format.Height, plan.Amplitude);
        return (frame, noise, picture) => renderer.Draw(plan.Frames[frame], noise, picture);
    }

    /// <summary>Seconds from the attempt to connect to a moment.</summary>
    public double Since(long moment) => _setting.Time.GetElapsedTime(_attempt, moment).TotalSeconds;

    /// <summary>Begins anew to count frames and seconds.</summary>
    public void Begin(DrawFrame draw, long zero)
    {
        lock (_gate)
            (_draw, _seen, _zero, _skipped) = (draw, new Observation(), zero, 0);
    }

    /// <summary>A snapshot of what was sent and came back since <see cref="Begin"/>.</summary>
    public Observation Seen()
    {
        lock (_gate)
            return _seen.Copy();
    }

    /// <summary>Draws a frame, ready to be sent.</summary>
    public VideoFrame Draw(int frame, bool again)
    {
        _draw(frame, again ? frame + (1 << 20) : frame, _picture);
        var drawn = _pool.Rent(_setting.Format.Width, _setting.Format.Height);
        PictureFrames.Write(_picture, drawn);
        var number = 2 * frame + (again ? 1 : 0);
        drawn.Ticket = new FrameTicket(number, TimeSpan.FromSeconds(number / (2.0 * CodeLaw.Rate)), 0, (uint)(number * 1500L));
        return drawn;
    }

    /// <summary>Sends a frame; <paramref name="again"/> sends what the frame before showed, which counts as that frame.</summary>
    public async Task SendAsync(VideoFrame frame, bool again, CancellationToken cancel)
    {
        var sent = await _target.SendAsync(frame, cancel).ConfigureAwait(false);
        lock (_gate)
        {
            Unsent += sent ? 0 : 1;
            // A frame that was left out at a low rate is never the newest: the next one takes its place in the plan.
            for (; !again && _skipped >= 0; _skipped--)
                _seen.Sent.Add(_setting.Time.GetElapsedTime(_zero).TotalSeconds);
            _skipped = 0;
        }
    }

    /// <summary>Leaves a frame of the plan out.</summary>
    public void Skip()
    {
        lock (_gate)
            _skipped++;
    }

    /// <summary>Closes the session; does nothing the second time.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_closed)
            return;
        _closed = true;
        await _ended.CancelAsync().ConfigureAwait(false);
        try
        {
            await _receiving.ConfigureAwait(false);
        }
        finally
        {
            // Whatever reading failed with, the session must not stay open: it may be paid by the second.
            await _target.DisposeAsync().ConfigureAwait(false);
            _ended.Dispose();
        }
    }

    private async Task ReceiveAsync()
    {
        var picture = Picture.ForAnalysis();
        try
        {
            while (await _target.ReceiveAsync(_ended.Token).ConfigureAwait(false) is { } next)
            {
                using (next.Frame)
                    PictureFrames.Read(next.Frame, picture);
                lock (_gate)
                {
                    _first ??= next.Presented;
                    _seen.Add(_setting.Time.GetElapsedTime(_zero, next.Presented).TotalSeconds, picture);
                }
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (TargetException lost)
        {
            _failure = lost.Message;
        }
    }
}
