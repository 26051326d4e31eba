namespace TrueLive.Server.Streams;

/// <summary>The wait before a leg is tried again: twice as long each time, and short again once it has worked for a while.</summary>
internal sealed class GrowingPause(TimeProvider time)
{
    public static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Worked = TimeSpan.FromSeconds(10);

    private TimeSpan _next = Shortest;

    /// <summary>The pause after a try.</summary>
    /// <param name="liveSince"><see cref="TimeProvider.GetTimestamp"/> since when it worked; null when it did not.</param>
    public TimeSpan After(long? liveSince)
    {
        var pause = liveSince is { } since && time.GetElapsedTime(since) >= Worked ? Shortest : _next;
        _next = pause * 2 > Longest ? Longest : pause * 2;
        return pause;
    }
}
