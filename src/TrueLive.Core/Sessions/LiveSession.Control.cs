using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Sessions;

/// <content>The control side: commands, life and its transitions.</content>
public sealed partial class LiveSession
{
    private readonly Lock _control = new();
    private readonly PendingCommands _pending;
    private SessionState _state = SessionState.Created;
    private SessionTransition? _last;
    private SessionEnd? _end;

    // Bound: what can apply is what the step in hand or one of the waiting commands asked for.
    private readonly Queue<Prompt> _prompts = new();

    /// <summary>Where the session stands.</summary>
    public SessionState State => _state;

    /// <summary>The last step of the session's life: how it came to stand where it does; null before the first.</summary>
    public SessionTransition? Last => Volatile.Read(ref _last);

    /// <summary>Why the session is over; null until <see cref="SessionState.Ended"/>.</summary>
    public SessionEnd? Ended => _end;

    /// <summary>The prompt with a revision that a frame was stamped with; null when it is long past.</summary>
    public Prompt? PromptOf(long revision)
    {
        lock (_control)
            return _settings.Prompt.Revision == revision ? _settings.Prompt : _prompts.FirstOrDefault(p => p.Revision == revision);
    }

    /// <summary>Every step of the session's life, in order. Handlers must be quick and must not call back.</summary>
    public event Action<LiveSession, SessionTransition>? Moved;

    /// <summary>
    /// A frame came in; its times are on the session's timeline, which goes on from connection to connection. Called by the receive loop:
    /// handlers must be quick, and hold the frame once more where they keep it.
    /// </summary>
    public event Action<LiveSession, VideoFrame>? Received;

    /// <summary>A command's first frame went out. Called by the step thread: handlers must be quick.</summary>
    public event Action<LiveSession, CommandApplied>? Applied;

    /// <summary>
    /// The input has another shape, for which the model needs other buffers: its memory began anew, in the epoch given. Called by the step
    /// thread: handlers must be quick.
    /// </summary>
    public event Action<LiveSession, int>? Forgot;

    /// <summary>
    /// Changes the prompt, and values of the model's parameters, from the next step on. <paramref name="commandId"/> returns in <see cref="Applied"/> with the first frame
    /// made under this or a later prompt.
    /// </summary>
    public CommandReceipt Update(string commandId, PromptChange change)
    {
        if (change.Text?.Length > Prompt.MaxLength)
            return Reject($"The prompt is longer than {Prompt.MaxLength} characters.");
        if (change.Strength is { } s && !(s is >= 0 and <= 1))
            return Reject("The strength is not within 0..1.");
        if (change.Transition is { } t && (t < TimeSpan.Zero || t > TimeSpan.FromSeconds(10)))
            return Reject("The transition is not within 0..10 s.");
        var settings = Settings;
        if (change.Values is { } given && !settings.Prompt.Values.TrySet(settings.Model.Info.Parameters, given, out _, out var wrong, change.Pictures))
            return Reject(wrong);
        return Change(commandId, now =>
        {
            // Another model may have come in since: its own parameters stay as they are then.
            var values = change.Values is { } set && now.Prompt.Values.TrySet(now.Model.Info.Parameters, set, out var changed, out _, change.Pictures)
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
        });
    }

    /// <summary>Goes on with another model or size: a new epoch without memory, the prompt read again by the new model.</summary>
    public CommandReceipt Switch(string commandId, IVideoModel model, int width, int height) => Change(commandId, now => now with
    {
        Model = model,
        Width = width,
        Height = height,
        Epoch = now.Epoch + 1,
        Prompt = model == now.Model ? now.Prompt : now.Prompt with { Revision = now.Prompt.Revision + 1, Reading = model.Read(now.Prompt.Text), Values = now.Prompt.Values.For(model.Info.Parameters) },
    });

    /// <summary>Forgets the model's memory: a new epoch that begins with a first step.</summary>
    public CommandReceipt Reset(string commandId) =>
        Change(commandId, now => now with { Epoch = now.Epoch + 1, Resets = now.Resets + 1 });

    /// <summary>Stops making frames, or goes on. Takes effect with the next frame; without an <see cref="Applied"/> of its own.</summary>
    public CommandReceipt Pause(bool paused)
    {
        lock (_control)
        {
            if (_state == SessionState.Ended)
                return Reject("The session has ended.");
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
        lock (_control)
        {
            if (_state == SessionState.Ended)
                return;
            _end = new SessionEnd(cause) { Because = because };
            Move(SessionState.Ended, _end);
        }
        _ended.Cancel();
    }

    /// <summary>Ends the session and frees its memory. Only when no connection runs.</summary>
    public void Dispose()
    {
        End(EndCause.ControlServer);
        _memory?.Dispose();
        _memory = null;
        _ended.Dispose();
        _sending.Dispose();
    }

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

    private CommandReceipt Change(string commandId, Func<SessionSettings, SessionSettings> change)
    {
        lock (_control)
        {
            if (_state == SessionState.Ended)
                return Reject("The session has ended.");
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
            return new CommandReceipt(null, effect);
        }
    }

    private SessionSettings Forget(SessionSettings used)
    {
        SessionSettings now;
        lock (_control)
        {
            // What came in the meantime has an epoch of its own: it is in force, and this frame is flushed by it.
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
        _state = to;
        Volatile.Write(ref _last, step);
        Moved?.Invoke(this, step);
    }
}
