using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Sessions;

/// <summary>
/// Tier 3: one client's stream through one model. It outlives its connections: <see cref="RunAsync"/> runs one connection, and the
/// prompt, the model's memory, the timeline of its frames, the counters and the waiting commands stay for the next. Commands may come from
/// any thread.
/// </summary>
public sealed partial class LiveSession : IDisposable
{
    private static readonly FramePool Passed = new("passed through");

    private readonly LiveSessionOptions _options;
    private readonly TimeProvider _time;
    private readonly SessionCounters _counters;
    private readonly CancellationTokenSource _ended = new();
    private readonly SessionTimeline _timeline;
    private SessionSettings _settings;

    // Used only by the step thread while a connection runs.
    private IModelSession? _memory;
    private SessionSettings? _memorySettings;
    private int _inside;

    // Why frames are passed through instead of made; null while the model makes them.
    private volatile string? _away;
    private long _shownRevision;
    private FrameScaler? _passing;

    /// <summary>A session that waits for its first connection.</summary>
    /// <param name="id">Unique on this server.</param>
    /// <param name="settings">Initial settings.</param>
    /// <param name="options">Limits.</param>
    /// <param name="time">Clock of the whole session.</param>
    public LiveSession(string id, SessionSettings settings, LiveSessionOptions options, TimeProvider time)
    {
        Id = id;
        _settings = settings;
        _options = options;
        _time = time;
        _counters = new SessionCounters(time);
        _timeline = new SessionTimeline(time);
        _pending = new PendingCommands(options.CommandLimit, time);
    }

    /// <summary>Unique on this server.</summary>
    public string Id { get; }

    /// <summary>What is in force now.</summary>
    public SessionSettings Settings => Volatile.Read(ref _settings);

    /// <summary>
    /// Whether the next connection can continue from the model's memory, provided that its input has the shape of the last one's.
    /// </summary>
    public bool KeepsMemory => Settings.Model.Info.HasMemory && IsMemoryOf(Settings);

    /// <summary>Figures at this moment.</summary>
    public SessionStats Stats => _counters.Snapshot(
        State == SessionState.Live && !Settings.Paused ? _options.PromisedRate : 0, Settings.Model.Info.Chunk, _timeline.Interval) with
    { Away = _away };

    /// <summary>Totals so far, for the log line at the session's end.</summary>
    public SessionSummary Summary => _counters.Summary();

    /// <summary><see cref="TimeProvider.GetTimestamp"/> when the last frame came in; 0 before the first.</summary>
    public long HeardAt => _timeline.HeardAt;

    /// <summary>Called by a connection that counts its packets when the last packet of a picture has left.</summary>
    /// <param name="ticket">Which picture.</param>
    /// <param name="whole">Time since the last packet of its input arrived.</param>
    public void Left(FrameTicket ticket, TimeSpan whole)
    {
        if (ticket.Origin != FrameOrigin.Repeated)
            _counters.Left(whole, _time.GetElapsedTime(ticket.StepBegan, ticket.StepEnded), _time.GetElapsedTime(0, ticket.Held));
    }

    // The live path. The numbers return in the code below.
    //
    //            receive loop                              step loop (a thread of its own)
    // (1) source -> (2) decode -> (3) LatestFrames -> (4) model step -> (5) encode + pace -> (6) sink
    //     packets in                  newest wins,       IModelSession     in the sink;          packets out
    //                                 the loser is       + its memory      FramePacer where a
    //                                 counted                              step gives several
    // control:   data channel / WebSocket / HTTP  ->  Update, Switch, Reset, Pause  ->  one new SessionSettings,
    //            read once per step; prompt revision and epoch are stamped on every frame that they made

    /// <summary>
    /// Runs one connection until either side ends and says why; the first reason wins. Never throws for a failure of the
    /// connection, the codecs or the model. Source and sink stay the caller's.
    /// </summary>
    /// <exception cref="InvalidOperationException">A connection is running or the session has ended.</exception>
    public async Task<SessionEnd> RunAsync(IVideoSource source, IVideoSink sink, CancellationToken cancel)
    {
        Attach();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, _ended.Token);
        using var mailbox = new LatestFrames();
        mailbox.Hold(Settings.Model.Info.Chunk.Takes);
        using var pacer = new FramePacer(_time);
        var receive = ReceiveAsync(source, mailbox, stop.Token);
        var step = Task.Factory.StartNew(
            () => Step(mailbox, pacer, sink, stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        var pace = PaceAsync(pacer, sink, stop.Token);
        var first = await Task.WhenAny(receive, step, pace).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(receive, step, pace).ConfigureAwait(false);
        var end = await first.ConfigureAwait(false) ?? _end ?? Volatile.Read(ref _moved) ?? new SessionEnd(EndCause.ControlReplaced);
        Detach(end);
        return end;
    }

    private async Task<SessionEnd?> ReceiveAsync(IVideoSource source, LatestFrames mailbox, CancellationToken stop)
    {
        try
        {
            while (await source.ReadAsync(stop).ConfigureAwait(false) is { } frame) // (1) (2)
            {
                _counters.Received(asks: !Settings.Paused);
                frame.Ticket = _timeline.Place(frame.Ticket);
                Received?.Invoke(this, frame);
                frame.Ticket = frame.Ticket with { Decoded = _time.GetTimestamp() };
                if (mailbox.Put(frame)) // (3)
                    _counters.Dropped(Settings.Paused ? DropReason.Paused : DropReason.Replaced);
            }
            return new SessionEnd(EndCause.ReceiveClient);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return null;
        }
        catch (IOException gone)
        {
            return new SessionEnd(EndCause.ReceiveClient, gone) { Because = gone.Message };
        }
        catch (Exception error)
        {
            return new SessionEnd(EndCause.ReceiveServer, error);
        }
    }

    private SessionEnd? Step(LatestFrames mailbox, FramePacer pacer, IVideoSink sink, CancellationToken stop)
    {
        var blame = EndCause.StepServer;
        var failures = 0;
        MadeFrame[] made = [];
        try
        {
            while (true)
            {
                _counters.Dropped(DropReason.Replaced, mailbox.Hold(Settings.Model.Info.Chunk.Takes));
                if (mailbox.Take(stop) is not { } taken)
                    return null;
                using var input = taken;
                using var turn = StepTurn.Wait(_stepping, stop);
                var settings = Settings;
                if (Refuse(input, settings) is { } reason)
                {
                    _counters.Dropped(reason);
                    continue;
                }
                blame = EndCause.StepServer;
                var memory = MemoryFor(ref settings, input);
                var chunk = settings.Model.Info.Chunk;
                if (made.Length < chunk.Gives)
                    made = new MadeFrame[chunk.Gives];
                var began = _time.GetTimestamp();
                input.Ticket = input.Ticket with
                {
                    Taken = began,
                    Epoch = settings.Epoch,
                    ModelId = settings.Model.Info.Id,
                    ModelVersion = settings.Model.Info.Version,
                };
                int count;
                try
                {
                    count = memory.Step(input, settings.Prompt, made); // (4)
                    (failures, _away) = (0, null);
                    if (count > 0)
                        _shownRevision = made[count - 1].Ticket.PromptRevision;
                }
                catch (ModelAwayException away)
                {
                    ForgetInside();
                    if (away.ForGood)
                        return new SessionEnd(EndCause.StepServer, away) { Because = away.Message };
                    _away = away.Message;
                    if (PassThrough(input, memory, settings.Prompt) is not { } passed)
                    {
                        _counters.Dropped(DropReason.StepFailed);
                        continue;
                    }
                    (made[0], count) = (passed, 1);
                }
                catch (ModelStepException failed) when (failed is not ModelMemoryException && ++failures < _options.StepFailureLimit)
                {
                    _counters.Dropped(DropReason.StepFailed);
                    continue;
                }
                _inside = chunk.Takes == chunk.Gives ? Math.Max(0, _inside + 1 - count) : 0;
                count = Stamp(made.AsSpan(0, count), chunk, began);
                blame = EndCause.SendServer;
                if (chunk.Gives > 1)
                {
                    var (flushed, superseded) = pacer.Put(made.AsSpan(0, count), chunk.Gives);
                    _counters.Dropped(DropReason.Flushed, flushed);
                    _counters.Dropped(DropReason.Superseded, superseded);
                }
                else if (count == 1)
                {
                    // This thread is the session's own, so waiting for a sink that does not answer at once blocks nobody else.
                    SendAsync(made[0], sink, stop).AsTask().GetAwaiter().GetResult();
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return null;
        }
        catch (IOException error) when (blame == EndCause.SendServer)
        {
            return new SessionEnd(EndCause.SendClient, error);
        }
        catch (ModelMemoryException lacking)
        {
            return new SessionEnd(EndCause.StepServer, lacking) { Because = lacking.Message };
        }
        catch (Exception error)
        {
            return new SessionEnd(blame, error);
        }
    }

    private DropReason? Refuse(VideoFrame input, SessionSettings settings)
    {
        if (settings.Paused)
            return DropReason.Paused;
        return IsStale(input.Ticket, settings.Model.Info.Chunk, _time.GetTimestamp()) ? DropReason.Stale : null;
    }

    // The wait for the others of its chunk is by design; only the time beyond it counts.
    private bool IsStale(in FrameTicket frame, Chunk chunk, long now) =>
        frame.Arrived != 0 && _time.GetElapsedTime(frame.Arrived, now) > _options.FrameAgeBudget + chunk.Wait(_timeline.Interval);

    // Replaces the settings where a new input shape resets the memory.
    private IModelSession MemoryFor(ref SessionSettings settings, VideoFrame input)
    {
        var (width, height) = settings.SizeFor(input.Width, input.Height);
        var sameModel = _memory is not null && _memorySettings!.Model == settings.Model;
        var sameSize = sameModel && _memorySettings!.Width == settings.Width && _memorySettings.Height == settings.Height;
        var fits = sameModel && (sameSize && SameShape(_memory!, input) || (_memory!.Width, _memory.Height) == (width, height));
        if (!fits)
        {
            if (sameSize && settings.Model.Info.HasMemory)
                settings = Forget(settings);
            ForgetInside();
            _memory?.Dispose();
            _memory = null;
            _memory = settings.Model.CreateSession(width, height);
        }
        else if (_memorySettings!.Resets != settings.Resets)
        {
            ForgetInside();
            _memory!.Reset();
        }
        _memorySettings = settings;
        return _memory!;
    }

    // A client that scales its video down under load keeps the shape: the model then keeps its size and memory.
    private static bool SameShape(IModelSession memory, VideoFrame input)
    {
        var shape = (double)memory.Width / memory.Height * input.Height / input.Width;
        return shape is > 0.95 and < 1.05;
    }

    // The input at the model's size, with what a mask hides hidden. Its ticket names no model and the revision shown last, so that waiting
    // commands are not answered by it. Null where the mask fails.
    private MadeFrame? PassThrough(VideoFrame input, IModelSession memory, Prompt prompt)
    {
        var shown = Scaled(input, memory);
        MadeFrame? cover;
        try
        {
            cover = memory.Cover(shown.Frame, prompt);
        }
        catch (ModelStepException)
        {
            shown.Frame.Dispose();
            return null;
        }
        if (cover is not { } covered)
            return shown;
        shown.Frame.Dispose();
        return shown with { Frame = covered.Frame, Ticket = shown.Ticket with { Mask = covered.Ticket.Mask } };
    }

    private MadeFrame Scaled(VideoFrame input, IModelSession memory)
    {
        var ticket = input.Ticket with
        {
            PromptRevision = _shownRevision,
            Origin = FrameOrigin.PassedThrough,
            ModelId = null,
            ModelVersion = null,
        };
        if ((input.Width, input.Height) == (memory.Width, memory.Height))
            return new MadeFrame(input.Retain(), ticket);
        if (_passing is not { } scaler || (scaler.FromWidth, scaler.FromHeight, scaler.ToWidth, scaler.ToHeight)
            != (input.Width, input.Height, memory.Width, memory.Height))
            _passing = scaler = new FrameScaler(input.Width, input.Height, memory.Width, memory.Height);
        var scaled = Passed.Rent(memory.Width, memory.Height);
        scaled.Colour = input.Colour;
        scaler.Scale(input, scaled);
        return new MadeFrame(scaled, ticket);
    }

    // Counts as dropped the frames that went in and will never come out.
    private void ForgetInside()
    {
        _counters.Dropped(DropReason.Flushed, _inside);
        _inside = 0;
    }
}
