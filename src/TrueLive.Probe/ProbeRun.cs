using TrueLive.Core.Frames;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe;

/// <summary>How a live run is made.</summary>
public sealed record ProbeRunOptions
{
    /// <summary>Width of the stimulus.</summary>
    public int Width { get; init; } = 640;

    /// <summary>Height of the stimulus.</summary>
    public int Height { get; init; } = 360;

    /// <summary>Prompt of state A, in force from the start: no colour filter can do what it asks for.</summary>
    public string PromptA { get; init; } = "a blueprint, thin white lines on blue paper";

    /// <summary>Prompt of state B.</summary>
    public string PromptB { get; init; } = "an oil painting in warm orange colours, thick brush strokes";

    /// <summary>Effort of the analysis.</summary>
    public AnalysisEffort Effort { get; init; } = new();

    /// <summary>An earlier session of the same run that ended early; null for a new run.</summary>
    public EarlierSession? Earlier { get; init; }

    /// <summary>Called after each phase with what to save so that the run can be resumed in another session; null saves nothing.</summary>
    public Action<EarlierSession>? Keep { get; init; }
}

/// <summary>Progress of a run, reported about once a second.</summary>
/// <param name="Phase">What is being sent.</param>
/// <param name="Seconds">Seconds sent so far.</param>
/// <param name="Total">Seconds planned so far.</param>
/// <param name="Received">Output frames so far.</param>
/// <param name="Estimate">First estimates, or a provisional verdict, once there are any.</param>
/// <param name="Picture">What is being sent, 32 x 18, as a data URI.</param>
public sealed record ProbeProgress(PhaseKind Phase, double Seconds, double Total, int Received, string? Estimate, string? Picture = null)
{
    /// <summary>What the phase sends, in words.</summary>
    public string Sends => Phase switch
    {
        PhaseKind.Warmup => "moving scene, no codes",
        PhaseKind.Fast => "secret codes in light, balance, colour, pan, objects and scene cuts",
        PhaseKind.Slow => "strong balance and an object, changing every few seconds",
        PhaseKind.Control => "two prompts in turn, at random times",
        PhaseKind.Hold => "a still picture",
        _ => "black, white and coloured pictures at random times",
    };
}

/// <summary>The result of a run.</summary>
internal sealed record ProbeRunResult(StimulusPlan Plan, Observation Seen, ProbeFindings Findings, TierVerdict Verdict, RunQuality Quality);

/// <summary>
/// One live run: a sender that draws and sends 30 frames per second on the run's clock, a receiver that reads features of every output
/// frame at once and releases it, and between the phases the analysis that later phases depend on.
/// </summary>
internal sealed class ProbeRun(IProbeTarget target, ProbeProfile profile, ProbeSeed seed, TimeProvider time, ProbeRunOptions options)
{
    /// <summary>A target that has sent nothing at all by then is given up: no system that is called live is that late.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(60);

    private readonly StimulusPlan _plan = new(seed, profile.Amplitude);
    private readonly Observation _seen = options.Earlier?.Seen ?? new();
    private readonly Lock _gate = new();
    private readonly List<double> _late = [];
    private long _zero;
    private int _unsent;
    private int _firstFrame;
    private int _firstSeen;
    private string? _estimate;
    private string? _failure;
    private GlanceWatch? _glance;
    private string? _settled;

    /// <summary>
    /// Connects, sends all phases, analyses. Cancelling <paramref name="stop"/> ends the sending; what was seen is analysed and
    /// marked incomplete. So does a target that ends early.
    /// </summary>
    /// <exception cref="TargetException">The session could not be opened at all, or refused its first prompt.</exception>
    public async Task<ProbeRunResult> RunAsync(IProgress<ProbeProgress>? progress, CancellationToken stop)
    {
        await target.ConnectAsync(new StimulusFormat(options.Width, options.Height), stop).ConfigureAwait(false);
        // Without a prompt a session may pass the picture through unchanged, and the probe would not measure the system at work.
        if (target.TakesPrompts)
            await target.PromptAsync(options.PromptA, stop).ConfigureAwait(false);
        foreach (var (kind, seconds, dwell) in options.Earlier?.Phases ?? [])
            _plan.Append(kind, seconds, dwell);
        _firstFrame = _plan.Frames.Count;
        // A new session warms up again; a phase that was cut short is repeated with new codes.
        _plan.Append(PhaseKind.Warmup, profile.Warmup);
        foreach (var (kind, seconds) in new[] { (PhaseKind.Fast, profile.Fast), (PhaseKind.Hold, profile.Hold) })
        {
            if (seconds > 0 && !Behind(kind))
                _plan.Append(kind, seconds);
        }
        if (_plan.Phases.FirstOrDefault(p => p.Kind == PhaseKind.Fast) is { } fast)
            _seen.KeepPictures(fast.FirstFrame / (double)CodeLaw.Rate, fast.EndFrame / (double)CodeLaw.Rate);
        _firstSeen = _seen.Count;
        _zero = time.GetTimestamp() - (long)((double)_firstFrame / CodeLaw.Rate * time.TimestampFrequency);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        if (profile.Looks.Count > 0)
            _glance = new GlanceWatch(_plan, profile.Looks, options.Effort, stop);
        var receiving = Task.Run(() => ReceiveAsync(ended), CancellationToken.None);
        var complete = true;
        try
        {
            await SendAsync(progress, ended.Token).ConfigureAwait(false);
            // The last answers are still under way.
            if (_glance is null && _settled is null)
                await Task.Delay(TimeSpan.FromSeconds(1), time, ended.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            complete = false;
        }
        catch (TargetException lost)
        {
            (complete, _failure) = (false, lost.Message);
        }
        await ended.CancelAsync().ConfigureAwait(false);
        await receiving.ConfigureAwait(false);
        complete &= _failure is null;
        if (_glance is { } glance)
        {
            try
            {
                await glance.FinishAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
            }
            if (glance.Decided.IsCompletedSuccessfully)
                return glance.Decided.Result;
        }
        return await Task.Run(() => Judge(complete, stop.IsCancellationRequested), CancellationToken.None).ConfigureAwait(false);
    }

    private ProbeRunResult Judge(bool complete, bool stopped)
    {
        var quality = Quality() with
        {
            Incomplete = !complete,
            EndedBecause = complete ? _settled : stopped ? "stopped by the user"
                : _failure ?? target.EndedBecause ?? "the target ended the session",
        };
        if (_glance is null)
        {
            var found = ProbeAnalysis.Analyse(_plan, _seen, options.Effort);
            return new ProbeRunResult(_plan, _seen, found, DecisionRules.Judge(found, quality), quality);
        }
        // A glance that was cut short gives the verdict of its last look, or takes its first look at what there is.
        var seen = _glance.Last?.Seen ?? _seen;
        quality = quality with { Look = _glance.Last?.Quality.Look ?? 1 };
        var (shown, verdict) = GlanceRules.Take(_plan, seen, quality, options.Effort);
        return new ProbeRunResult(_plan, seen, shown, verdict, quality);
    }

    private RunQuality Quality() => new()
    {
        TimerP99 = Intervals.Quantile([.. _late.Order()], 0.99),
        SendDrops = _seen.Sent.Count == 0 ? 0 : Math.Min(1, (double)(_unsent + target.Unsent) / _seen.Sent.Count),
        Faults = target.Faults,
        TakesPrompts = target.TakesPrompts,
        Sessions = options.Earlier is null ? 1 : 2,
        Notes = target.Notes,
    };

    private async Task SendAsync(IProgress<ProbeProgress>? progress, CancellationToken cancel)
    {
        var pool = new FramePool("probe stimulus", 2);
        var renderer = new StimulusRenderer(seed, options.Width, options.Height, profile.Amplitude);
        var picture = new Picture(options.Width, options.Height);
        var prompt = 0;
        var extended = false;
        Task<(BoundaryFindings, double)>? look = null;
        while (prompt < _plan.Prompts.Count && _plan.Prompts[prompt].Frame < _firstFrame)
            prompt++;
        for (var j = _firstFrame; j < _plan.Frames.Count; j++)
        {
            renderer.Draw(_plan.Frames[j], j, picture);
            using (var frame = pool.Rent(options.Width, options.Height))
            {
                PictureFrames.Write(picture, frame);
                frame.Ticket = new FrameTicket(j, TimeSpan.FromSeconds(j / (double)CodeLaw.Rate), 0, (uint)(j * 3000L));
                await WaitUntilAsync(j, cancel).ConfigureAwait(false);
                var sent = await target.SendAsync(frame, cancel).ConfigureAwait(false);
                lock (_gate)
                {
                    _seen.Sent.Add(Now());
                    _unsent += sent ? 0 : 1;
                }
            }
            while (prompt < _plan.Prompts.Count && _plan.Prompts[prompt].Frame <= j)
            {
                var state = _plan.Prompts[prompt++].State;
                if (!target.TakesPrompts)
                    continue;
                await target.PromptAsync(state > 0 ? options.PromptA : options.PromptB, cancel).ConfigureAwait(false);
                lock (_gate)
                    _seen.PromptSent.Add(Now());
            }
            if (_glance is { } glance)
            {
                if (glance.Due(j + 1 - _firstFrame))
                    glance.Look(Locked(seen => seen.Copy()), Quality());
                _estimate = glance.Sentence;
                if (glance.Decided.IsCompleted)
                    return;
                if (j == _plan.Frames.Count - 1)
                {
                    await glance.FinishAsync().WaitAsync(cancel).ConfigureAwait(false);
                    return;
                }
            }
            if (j - _firstFrame == (int)(Silence.TotalSeconds * CodeLaw.Rate) && Locked(seen => seen.Count) == _firstSeen)
                throw new TargetException($"no picture came back in the first {Silence.TotalSeconds:0} s, though the target took " +
                    "what was sent");
            if (j % CodeLaw.Rate == 0)
                progress?.Report(new ProbeProgress(PhaseAt(j), j / (double)CodeLaw.Rate, _plan.Frames.Count / (double)CodeLaw.Rate,
                    _seen.Count, _estimate, Png.Thumbnail(picture)));
            // Later phases depend on what the first ones showed, so these are analysed before the last of them ends.
            if (_glance is null && !extended && look is null && j >= _plan.Frames.Count - 3 * CodeLaw.Rate)
                look = Task.Run(LookBack, cancel);
            if (_glance is null && !extended && j == _plan.Frames.Count - 1)
            {
                var (boundary, delay) = await look!.ConfigureAwait(false);
                if (Settled() is { } why)
                {
                    _settled = why;
                    return;
                }
                PhaseOrder.AppendLater(_plan, Later(!double.IsNaN(delay)), boundary.ClipSeconds, delay);
                extended = true;
            }
            // A session that goes on would forget what the way of this one was too slow for.
            if (_glance is null && options.Keep is { } keep && target.Unsent <= RunQuality.MostUnsent * j && target.Faults.Count == 0
                && _plan.Phases.FirstOrDefault(p => p.EndFrame == j + 1) is { } over)
                keep(new([.. _plan.Phases.TakeWhile(p => p.EndFrame <= over.EndFrame)
                    .Select(p => (p.Kind, p.FrameCount / (double)CodeLaw.Rate, p.DwellShortest / 2.2))], Locked(s => s.Copy())));
        }
    }

    /// <summary>Why nothing that is still to be sent could change the verdict; null when something could.</summary>
    private string? Settled()
    {
        var total = _plan.Frames.Count + (profile.Slow + profile.Control + profile.Blackout) * CodeLaw.Rate;
        if (_unsent + target.Unsent > RunQuality.MostUnsent * total || _late.Count(l => l > RunQuality.LatestP99) > 0.01 * total)
            return "the probe could not keep its own time, so the run does not count whatever comes";
        return ProbeAnalysis.RepeatsOf(_plan, Locked(seen => seen.Copy())).Repeats
            ? "the output repeats itself, whatever is sent after that"
            : null;
    }

    /// <summary>What is still to be sent after the first phases.</summary>
    private ProbeProfile Later(bool answered) => profile with
    {
        Slow = Behind(PhaseKind.Slow) ? 0 : answered || profile.Slow > 0 || profile.Hold == 0 ? profile.Slow : 90,
        Control = Behind(PhaseKind.Control) || !target.TakesPrompts ? 0 : profile.Control,
        Blackout = Behind(PhaseKind.Blackout) ? 0 : profile.Blackout,
    };

    private bool Behind(PhaseKind kind) => options.Earlier?.Phases.Any(p => p.Kind == kind) ?? false;

    private T Locked<T>(Func<Observation, T> read)
    {
        lock (_gate)
            return read(_seen);
    }

    /// <summary>Own boundaries and the first estimate of the delay; NaN when nothing answers yet.</summary>
    private (BoundaryFindings Boundary, double Delay) LookBack()
    {
        var copy = Locked(seen => seen.Copy());
        if (copy.Count < 60)
            return (new BoundaryFindings(), double.NaN);
        var boundary = ProbeAnalysis.BoundaryOf(_plan, copy, double.NaN);
        var (test, seconds) = ProbeAnalysis.FirstLook(_plan, copy);
        _estimate = test.Z > 8
            ? string.Create(System.Globalization.CultureInfo.InvariantCulture,
                $"answers the codes (z {test.Z:0.0}), delay about {1000 * seconds:0} ms")
            : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"no clear answer to the fast codes yet (z {test.Z:0.0})");
        return (boundary, test.Z > 8 ? seconds : double.NaN);
    }

    private async Task WaitUntilAsync(int j, CancellationToken cancel)
    {
        var due = _zero + (long)((double)j / CodeLaw.Rate * time.TimestampFrequency);
        var wait = time.GetElapsedTime(time.GetTimestamp(), due);
        if (wait > TimeSpan.FromMilliseconds(1))
            await Task.Delay(wait, time, cancel).ConfigureAwait(false);
        cancel.ThrowIfCancellationRequested();
        // Nothing is measured by the pictures of the warm-up, during which this program warms up as well.
        if (j >= _firstFrame + (int)(profile.Warmup * CodeLaw.Rate))
            _late.Add(Math.Abs(time.GetElapsedTime(due, time.GetTimestamp()).TotalSeconds));
    }

    private async Task ReceiveAsync(CancellationTokenSource ended)
    {
        var picture = Picture.ForAnalysis();
        try
        {
            while (await target.ReceiveAsync(ended.Token).ConfigureAwait(false) is { } next)
            {
                using (next.Frame)
                    PictureFrames.Read(next.Frame, picture);
                lock (_gate)
                    _seen.Add(time.GetElapsedTime(_zero, next.Presented).TotalSeconds, picture);
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (TargetException lost)
        {
            _failure = lost.Message;
        }
        await ended.CancelAsync().ConfigureAwait(false);
    }

    private double Now() => time.GetElapsedTime(_zero).TotalSeconds;

    private PhaseKind PhaseAt(int frame) => _plan.Phases.First(p => frame < p.EndFrame).Kind;
}
