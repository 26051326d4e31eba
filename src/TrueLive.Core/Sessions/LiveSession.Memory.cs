using TrueLive.Core.Models;

namespace TrueLive.Core.Sessions;

/// <summary>What a session on another machine needs to go on as if it were this one, beside its settings.</summary>
/// <param name="Model">The model's memory; null where it has none, or none that can be copied.</param>
/// <param name="Next">Number of the next frame on the session's timeline.</param>
/// <param name="Latest">Time of the last frame on it.</param>
/// <param name="HeardAgo">How long ago that frame came.</param>
public sealed record SessionMemory(ModelState? Model, long Next, TimeSpan Latest, TimeSpan HeardAgo);

/// <content>A session leaves for another machine, and goes on there.</content>
public sealed partial class LiveSession
{
    // A session of another shape than was asked for has about as many pixels; the shortest side of a model may make it larger.
    private const double MostPixels = 2;

    // One step at a time, or the copy of the memory. Only a move waits for it.
    private readonly SemaphoreSlim _stepping = new(1, 1);
    // Whose hold it is: one that waits for the step or copies may find that it was given up, and that another has begun.
    private volatile object? _hold;
    private bool _turnIsHeld;
    private SessionEnd? _moved;

    /// <summary>It is held for a move.</summary>
    public bool IsHeld => _hold is not null;

    /// <summary>
    /// Makes no more pictures and takes no more commands, from between two steps on, and copies what another machine needs to go on.
    /// Whoever holds it calls <see cref="Resume"/> or ends the connection.
    /// </summary>
    /// <exception cref="InvalidOperationException">It is held already, was told to go on meanwhile, or has ended.</exception>
    public async Task<SessionMemory> HoldAsync(CancellationToken cancel)
    {
        var hold = new object();
        lock (_control)
        {
            if (Closed is { } reason)
                throw new InvalidOperationException(reason);
            _hold = hold;
        }
        var hasTurn = false;
        try
        {
            await _stepping.WaitAsync(cancel).ConfigureAwait(false);
            hasTurn = true;
            var ((next, latest), heard) = (_timeline.Position, HeardAt);
            var memory = new SessionMemory(Copy(), next, latest, heard == 0 ? TimeSpan.Zero : _time.GetElapsedTime(heard));
            lock (_control)
            {
                if (_hold != hold || _state == SessionState.Ended)
                    throw new InvalidOperationException("The session was told to go on, or has ended.");
                _turnIsHeld = true;
            }
            return memory;
        }
        catch
        {
            lock (_control)
            {
                if (_hold == hold)
                    _hold = null;
            }
            if (hasTurn)
                _stepping.Release();
            throw;
        }
    }

    /// <summary>Goes on after <see cref="HoldAsync"/>, as if nothing had been.</summary>
    public void Resume()
    {
        lock (_control)
        {
            if (_hold is null || _state == SessionState.Ended)
                return;
            _hold = null;
            if (!_turnIsHeld)
                return;
            _turnIsHeld = false;
            _stepping.Release();
        }
    }

    /// <summary>Why the running connection ends when it is stopped next: the session is on another machine.</summary>
    public void Move(string because) => Volatile.Write(ref _moved, new SessionEnd(EndCause.ControlMoved) { Because = because });

    /// <summary>Goes on as the session of another machine, before its first connection.</summary>
    /// <exception cref="ArgumentException">The memory does not fit the model, its version or the size; nothing is changed.</exception>
    public void Continue(SessionMemory memory)
    {
        if (memory.Model is { } state)
            (_memory, _memorySettings) = (Recall(state), _settings);
        _timeline.Continue(memory.Next, memory.Latest, memory.HeardAgo);
    }

    private ModelState? Copy()
    {
        if (!IsMemoryOf(Settings))
            return null;
        try
        {
            // What is around a model without memory, such as a palette, may have one.
            var state = _memory!.Capture();
            return Settings.Model.Info.HasMemory || !state.Bytes.IsEmpty ? state : null;
        }
        catch (Exception error) when (error is ModelStepException or NotSupportedException)
        {
            return null;
        }
    }

    private bool IsMemoryOf(SessionSettings now) =>
        Volatile.Read(ref _memory) is not null && Volatile.Read(ref _memorySettings) is { } had
        && (had.Model, had.Width, had.Height, had.Resets) == (now.Model, now.Width, now.Height, now.Resets);

    private IModelSession Recall(ModelState state)
    {
        if (state.ModelId != _settings.Model.Info.Id || state.ModelVersion != _settings.Model.Info.Version
            || state is not { Width: > 0, Height: > 0 }
            || _settings.Model.Info.Sizes.Nearest(state.Width, state.Height) != (state.Width, state.Height)
            || (double)state.Width * state.Height > MostPixels * MostOf(_settings))
            throw new ArgumentException($"The memory is of {state.ModelId} {state.ModelVersion} at {state.Width}x{state.Height}.");
        var session = _settings.Model.CreateSession(state.Width, state.Height);
        try
        {
            session.Restore(state);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private static double MostOf(SessionSettings settings)
    {
        var (width, height) = settings.Model.Info.Sizes.Nearest(settings.Width, settings.Height);
        return Math.Max((double)settings.Width * settings.Height, (double)width * height);
    }

    private readonly ref struct StepTurn(SemaphoreSlim stepping)
    {
        public static StepTurn Wait(SemaphoreSlim stepping, CancellationToken stop)
        {
            stepping.Wait(stop);
            return new StepTurn(stepping);
        }

        public void Dispose() => stepping.Release();
    }
}
