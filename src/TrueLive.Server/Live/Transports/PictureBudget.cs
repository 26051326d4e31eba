namespace TrueLive.Server.Live.Transports;

/// <summary>
/// Limits how many pixels are decoded for the sessions of one key, over all its connections: pictures come as fast as the network carries
/// them, in any size, and decoding takes processor time from everybody's steps. Thread-safe.
/// </summary>
internal sealed class PictureBudget(int cores, TimeProvider time)
{
    // About half a core decodes one 1080p camera at 30 frames a second.
    private const long PixelsPerCore = 1920L * 1080 * 30;

    // Beyond this many keys all are reset, which bounds the memory; a key gains at most a second's worth.
    private const int MaxKeys = 10_000;

    private readonly Dictionary<string, (double Left, long At)> _keys = [];
    private long _refused;

    /// <summary>Pixels that are decoded for one key in a second; a second's worth may come at once.</summary>
    public long PixelsPerSecond { get; } = PixelsPerCore * cores;

    /// <summary>Pictures that were left out.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>
    /// Charges the cost of a picture, in pixels. False when the key's budget is used up; a picture that costs more than a second's worth
    /// delays the next.
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
