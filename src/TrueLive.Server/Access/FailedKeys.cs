using System.Net;

namespace TrueLive.Server.Access;

/// <summary>
/// Counts wrong keys by address: beyond <see cref="Most"/> in a <see cref="Window"/>, further wrong keys are too many; right ones are still
/// accepted. Thread-safe.
/// </summary>
internal sealed class FailedKeys(TimeProvider time)
{
    /// <summary>Wrong keys of one address within a <see cref="Window"/>.</summary>
    public const int Most = 20;

    /// <summary>How long one is remembered.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    // Beyond this many addresses all are forgotten, which bounds both memory and the gain of a flood of addresses.
    private const int MaxAddresses = 10_000;

    private readonly Dictionary<IPAddress, (int Count, long Since)> _seen = [];
    private long _all;

    /// <summary>Wrong keys since the start, from all addresses.</summary>
    public long Seen => Interlocked.Read(ref _all);

    /// <summary>Counts one more; true when it is one too many.</summary>
    public bool IsTooMany(IPAddress? address)
    {
        Interlocked.Increment(ref _all);
        if (address is null)
            return false;
        lock (_seen)
        {
            if (_seen.Count >= MaxAddresses)
                _seen.Clear();
            var (count, since) = _seen.GetValueOrDefault(address, (0, time.GetTimestamp()));
            if (time.GetElapsedTime(since) > Window)
                (count, since) = (0, time.GetTimestamp());
            _seen[address] = (count + 1, since);
            return count >= Most;
        }
    }
}
