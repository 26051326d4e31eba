using System.Net;

namespace TrueLive.Server.Streams.Rtmp;

/// <summary>
/// Passes on that publishers of an address were turned away: once in <see cref="Pause"/>, with the number of those since. Thread-safe.
/// </summary>
internal sealed class RefusedPublishers(TimeProvider time, PublisherRefused say)
{
    /// <summary>Time between two of one address.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    /// <summary>Addresses that are told apart at a time; of further ones nothing is said.</summary>
    public const int MaxAddresses = 256;

    private readonly Dictionary<IPAddress, (long At, int Unsaid)> _said = [];

    /// <summary>A publisher was turned away.</summary>
    public void Add(IPAddress from, int port, string why)
    {
        int unsaid;
        lock (_said)
        {
            var isKnown = _said.TryGetValue(from, out var last);
            if (isKnown && IsRecent(last.At))
            {
                _said[from] = last with { Unsaid = last.Unsaid + 1 };
                return;
            }
            if (!isKnown && _said.Count >= MaxAddresses && !Forget())
                return;
            unsaid = last.Unsaid;
            _said[from] = (time.GetTimestamp(), 0);
        }
        say(from, port, unsaid == 0 ? why : $"{why} So were {unsaid} more of this address since the last time that this was said.");
    }

    private bool IsRecent(long at) => time.GetElapsedTime(at) < Pause;

    private bool Forget()
    {
        foreach (var old in _said.Where(s => !IsRecent(s.Value.At)).Select(s => s.Key).ToList())
            _said.Remove(old);
        return _said.Count < MaxAddresses;
    }
}
