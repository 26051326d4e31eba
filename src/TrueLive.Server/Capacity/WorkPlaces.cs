using TrueLive.Server.Resources;

namespace TrueLive.Server.Capacity;

/// <summary>
/// Requests that make work beside the live sessions: files that are taken in, reports that are checked. Each key has a few at a time, and
/// the programs
/// that look into strangers' files run one or a few at a time for the whole server, the others waiting. Thread-safe.
/// </summary>
internal sealed class WorkPlaces(int cores) : IDisposable
{
    /// <summary>Such requests of one key at a time.</summary>
    public const int PerKey = 8;

    // Bounds the queue however many keys there are.
    private const int All = 128;

    private readonly Dictionary<string, int> _taken = [];
    private readonly SemaphoreSlim _programs = new(ProgramsOf(cores));

    /// <summary>Such requests that are in work or wait.</summary>
    public int Taken
    {
        get
        {
            lock (_taken)
                return _taken.Values.Sum();
        }
    }

    /// <summary>Programs that run for them.</summary>
    public int Running => ProgramsOf(cores) - _programs.CurrentCount;

    /// <summary>Takes a place for a request until the result is disposed.</summary>
    /// <exception cref="RequestRefusedException">429: the key has <see cref="PerKey"/>; 503: the server has as many as it
    /// takes.</exception>
    public IDisposable Enter(string owner)
    {
        lock (_taken)
        {
            var own = _taken.GetValueOrDefault(owner);
            if (own >= PerKey)
                throw new RequestRefusedException(StatusCodes.Status429TooManyRequests,
                    $"You have {PerKey} uploads and checks going on. Send the next one when one of them has ended.");
            if (_taken.Values.Sum() >= All)
                throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable,
                    $"{All} uploads and checks are going on, and this server takes no more. Try again in a few seconds.");
            _taken[owner] = own + 1;
        }
        return new Place(() => Leave(owner));
    }

    /// <summary>Waits for the turn of a program, which lasts until the result is disposed.</summary>
    public async Task<IDisposable> TurnAsync(CancellationToken cancel)
    {
        await _programs.WaitAsync(cancel).ConfigureAwait(false);
        return new Place(() => _programs.Release());
    }

    public void Dispose() => _programs.Dispose();

    private static int ProgramsOf(int cores) => Math.Max(1, cores / 2);

    private void Leave(string owner)
    {
        lock (_taken)
        {
            if (--_taken[owner] == 0)
                _taken.Remove(owner);
        }
    }

    private sealed class Place(Action leave) : IDisposable
    {
        private Action? _leave = leave;

        public void Dispose() => Interlocked.Exchange(ref _leave, null)?.Invoke();
    }
}
