using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Sessions;

/// <content>The control side: commands, and the session's state with its transitions.</content>
public sealed partial class LiveSession
{
    private readonly Lock _control = new();
    private readonly PendingCommands _pending;
    private volatile SessionState _state = SessionState.Created;
    private SessionTransition? _last;
    private SessionEnd? _end;

    // Bound: the command limit. Only the running step or a waiting command can still refer to an older prompt.
    private readonly Queue<Prompt> _prompts = new();

    /// <summary>The session's state.</summary>
    public SessionState State => _state;

    /// <summary>The last transition; null before the first.</summary>
    public SessionTransition? Last => Volatile.Read(ref _last);

    /// <summary>Why the session is over; null until <see cref="SessionState.Ended"/>.</summary>
    public SessionEnd? Ended => _end;

    /// <summary>The prompt with a revision that a frame was stamped with; null when it is no longer kept.</summary>
    public Prompt? PromptOf(long revision)
    {
        lock (_control)
            return _settings.Prompt.Revision == revision ? _settings.Prompt : _prompts.FirstOrDefault(p => p.Revision == revision);
    }

    /// <summary>Every transition, in order. Handlers must be quick and must not call into the session.</summary>
    public event Action<LiveSession, SessionTransition>? Moved;

    /// <summary>
    /// A frame came in; its times are on the session's timeline, which continues across connections. Called by the receive loop: handlers
    /// must be quick, and must retain a frame that they keep.
    /// </summary>
    public event Action<LiveSession, VideoFrame>? Received;

    /// <summary>A command's first frame went out. Called by the step thread: handlers must be quick.</summary>
    public event Action<LiveSession, CommandApplied>? Applied;

    /// <summary>
    /// The input changed its shape, so the model's memory was reset; gives the new epoch. Called by the step thread: handlers must be
    /// quick.
    /// </summary>
    public event Action<LiveSession, int>? Forgot;

    /// <summary>
    /// Changes the prompt, and values of the model's parameters, from the next step on. <paramref name="commandId"/> returns in
    /// <see cref="Applied"/> with the first frame made under this or a later prompt. Where the command is taken,
    /// <paramref name="accepted"/> is called with the settings it led to, before <see cref="Applied"/> is raised for it; it must be quick.
    /// </summary>
    public CommandReceipt Update(string commandId, PromptChange change, Action<SessionSettings>? accepted = null)
    {
        if (change.Text?.Length > Prompt.MaxLength)
            return Reject($"The prompt is longer than {Prompt.MaxLength} characters.");
        if (change.Strength is { } s && !(s is >= 0 and <= 1))
            return Reject("The strength is not within 0..1.");
        if (change.Transition is { } t && (t < TimeSpan.Zero || t > TimeSpan.FromSeconds(10)))
            return Reject("The transition is not within 0..10 s.");
        var settings = Settings;
        if (change.Values is { } given && !settings.Prompt.Values.TrySet(settings.Model.Info.Parameters, given, out _, out var wrong,
            change.Pictures))
            return Reject(wrong);
        return Change(commandId, now =>
        {
            // The model may have been switched since the check above; values that do not fit the new one are ignored.
            var values = change.Values is { } set && now.Prompt.Values.TrySet(now.Model.Info.Parameters, set, out var changed, out _,
                change.Pictures)
                ? changed : now.Prompt.Values;
            var anew = values.Reloads(now.Prompt.Values, now.Model.Info.Parameters) ? 1 : 0;
            return now with
            {
                Epoch = now.Epoch + anew,
                Resets = now.Resets + anew,
                Prompt = new Prompt(
                    now.Prompt.Revision + 1, change.Text ?? now.Prompt.Text, change.Strength ?? now.Prompt.Strength,
                    change.Transition ?? Prompt.DefaultTransition, change.Text is null ? now.Prompt.Reading : now.Model.Read(change.Text))
                {
                    Values = values,
                },
            };
        }, accepted);
    }

    /// <summary>
    /// Continues with another model or size: a new epoch without memory, and the prompt read again by the new model.
    /// <paramref name="accepted"/> is called as by <see cref="Update"/>.
    /// </summary>
    public CommandReceipt Switch(
        string commandId, IVideoModel model, int width, int height, Action<SessionSettings>? accepted = null) =>
        Change(commandId, now => now with
        {
            Model = model,
            Width = width,
            Height = height,
            Epoch = now.Epoch + 1,
            Prompt = model == now.Model
                ? now.Prompt
                : now.Prompt with
                {
                    Revision = now.Prompt.Revision + 1,
                    Reading = model.Read(now.Prompt.Text),
                    Values = now.Prompt.Values.For(model.Info.Parameters)
                },
        }, accepted);

    /// <summary>
    /// Forgets the model's memory: a new epoch that begins with a first step. <paramref name="accepted"/> is called as by
    /// <see cref="Update"/>.
    /// </summary>
    public CommandReceipt Reset(string commandId, Action<SessionSettings>? accepted = null) =>
        Change(commandId, now => now with { Epoch = now.Epoch + 1, Resets = now.Resets + 1 }, accepted);

    /// <summary>Stops or resumes making frames. Takes effect with the next frame; raises no <see cref="Applied"/>.</summary>
    public CommandReceipt Pause(bool paused)
    {
        lock (_control)
        {
            if (Closed is { } reason)
                return Reject(reason);
            Volatile.Write(ref _settings, _settings with { Paused = paused });
            var connected = _state is SessionState.Live or SessionState.Paused;
            if (connected && _state != Connected)
                Move(Connected, null);
            return new CommandReceipt(null, _settings);
        }
    }

    /// <summary>Ends the session for good; a running connection stops. The first reason is kept.</summary>
    public void End(EndCause cause, string? because = null)
    {
        try
        {
            lock (_control)
            {
                if (_state == SessionState.Ended)
                    return;
                _end = new SessionEnd(cause) { Because = because };
                Move(SessionState.Ended, _end);
            }
        }
        finally
        {
            // Also where a handler throws: a connection must not outlive its session.
            _ended.Cancel();
        }
    }

    /// <summary>
    /// Ends the session and frees its memory. Must not be called while a connection runs; <see cref="End"/> may be called at any time.
    /// </summary>
    public void Dispose()
    {
        End(EndCause.ControlServer);
        _memory?.Dispose();
        _memory = null;
        _sending.Dispose();
        _stepping.Dispose();
    }

    private string? Closed => _state == SessionState.Ended ? "The session has ended."
        : IsHeld ? "The session moves to another machine. Send this again in a second." : null;

    private SessionState Connected => _settings.Paused ? SessionState.Paused : SessionState.Live;

    private void Attach()
    {
        lock (_control)
        {
            if (_state is not (SessionState.Created or SessionState.Detached))
                throw new InvalidOperationException($"A session that is {_state} takes no connection.");
            if (_state == SessionState.Detached)
                Volatile.Write(ref _settings, _settings with { Epoch = _settings.Epoch + 1 });
            _counters.Connected();
            _timeline.Begin();
            Move(Connected, null);
        }
    }

    private void Detach(SessionEnd end)
    {
        lock (_control)
        {
            if (_state != SessionState.Ended)
                Move(SessionState.Detached, end);
        }
    }

    private CommandReceipt Change(
        string commandId, Func<SessionSettings, SessionSettings> change, Action<SessionSettings>? accepted)
    {
        lock (_control)
        {
            if (Closed is { } reason)
                return Reject(reason);
            if (_pending.Full)
                return Reject($"{_options.CommandLimit} commands wait for a picture already.");
            var effect = change(_settings);
            _pending.Add(commandId, effect);
            if (effect.Prompt.Revision != _settings.Prompt.Revision)
            {
                _prompts.Enqueue(_settings.Prompt);
                if (_prompts.Count > _options.CommandLimit)
                    _prompts.Dequeue();
            }
            Volatile.Write(ref _settings, effect);
            // Frames that show the command are settled under this lock, so what is said here is said before them.
            accepted?.Invoke(effect);
            return new CommandReceipt(null, effect);
        }
    }

    private SessionSettings Forget(SessionSettings used)
    {
        SessionSettings now;
        lock (_control)
        {
            // A command has begun an epoch of its own in the meantime, which flushes this frame anyway.
            if (_settings.Epoch != used.Epoch)
                return used;
            now = _settings with { Epoch = _settings.Epoch + 1, Resets = _settings.Resets + 1 };
            Volatile.Write(ref _settings, now);
        }
        Forgot?.Invoke(this, now.Epoch);
        return now;
    }

    private void Settle(in FrameTicket frame)
    {
        if (!_pending.Any)
            return;
        List<CommandApplied> settled;
        lock (_control)
            settled = _pending.Settle(frame);
        foreach (var applied in settled)
            Applied?.Invoke(this, applied);
    }

    private CommandReceipt Reject(string reason) => new(reason, Settings);

    private void Move(SessionState to, SessionEnd? end)
    {
        if (!SessionLifecycle.Allows(_state, to))
            throw new InvalidOperationException($"A session does not go from {_state} to {to}.");
        var step = new SessionTransition(_state, to, _time.GetUtcNow(), end);
        // Whoever sees the state finds why it came about.
        Volatile.Write(ref _last, step);
        _state = to;
        Moved?.Invoke(this, step);
    }
}
