namespace TrueLive.Server.Live.Transports;

/// <summary>
/// What decoding the pictures of one key's sessions may take, over all its connections: pictures come as fast as the line carries them,
/// whatever size
/// the session has, and take processor time from everybody's steps. Thread-safe.
/// </summary>
internal sealed class PictureBudget(int cores, TimeProvider time)
{
    // Half a core decodes about as much as one of its 1080p cameras at 30 frames a second sends.
    private const long PixelsPerCore = 1920L * 1080 * 30;

    // Beyond this many keys all are reset: memory is bounded, and a key gains a second's worth.
    private const int MaxKeys = 10_000;

    private readonly Dictionary<string, (double Left, long At)> _keys = [];
    private long _refused;

    /// <summary>Pixels that are decoded for one key in a second; a second's worth may come at once.</summary>
    public long PixelsPerSecond { get; } = PixelsPerCore * cores;

    /// <summary>Pictures that were left out.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>
    /// Takes what a picture costs, in pixels. False when the key has used up what it has; one that costs more than a second's worth delays
    /// the next.
    /// </summary>
    public bool Take(string owner, long pixels)
    {
        var now = time.GetTimestamp();
        lock (_keys)
        {
            if (_keys.Count >= MaxKeys)
                _keys.Clear();
            var (left, at) = _keys.GetValueOrDefault(owner, (PixelsPerSecond, now));
            left = Math.Min(PixelsPerSecond, left + time.GetElapsedTime(at, now).TotalSeconds * PixelsPerSecond);
            _keys[owner] = (left > 0 ? left - pixels : left, now);
            if (left > 0)
                return true;
        }
        Interlocked.Increment(ref _refused);
        return false;
    }
}
