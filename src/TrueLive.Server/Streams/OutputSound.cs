namespace TrueLive.Server.Streams;

/// <summary>
/// Decides what sound goes out between the pictures, all in milliseconds: where none comes, silence, since broadcasters want a track and
/// programs that join both wait for the slower one; what comes too late for its place is let go. Not thread-safe.
/// </summary>
internal sealed class OutputSound(TimeProvider time)
{
    /// <summary>Length of a packet.</summary>
    public const int Packet = 20;

    // A coder of sound holds back two frames of 21 ms, and the program joins a picture only with sound that is later than it.
    private const int Ahead = 80;

    // Pictures are held up by sound that is late only so far.
    private const int MaxLag = 700;
    private const int Overlap = 10;
    private const int MaxAhead = 2000;
    private static readonly TimeSpan Gone = TimeSpan.FromSeconds(1);

    private long _end;
    private long _picture;
    private long? _heard;

    /// <summary>How many packets of silence go before a picture, and where the first lies.</summary>
    public (int Packets, long At) Before(long picture)
    {
        _picture = picture;
        var comes = _heard is { } heard && time.GetElapsedTime(heard) < Gone;
        var until = comes ? picture - MaxLag : picture + Ahead;
        var packets = (int)Math.Max(0, (until - _end + Packet - 1) / Packet);
        var at = _end;
        _end += packets * Packet;
        return (packets, at);
    }

    /// <summary>Whether a sound goes out at its place.</summary>
    public bool Takes(long place)
    {
        _heard = time.GetTimestamp();
        if (place < _end - Overlap || place > _picture + MaxAhead)
            return false;
        _end = place + Packet;
        return true;
    }
}
