using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Congestion;

/// <summary>
/// One short burst above the target bitrate, whose spread at the far side shows what the path can carry (the packet train of
/// draft-ietf-rmcat-gcc-02 section 4, sent as retransmissions). Bit/s and microseconds.
/// </summary>
internal sealed class Probe
{
    private const long Duration = 15_000;
    private const int MinBytes = 6_000;
    private Instant _firstSent;
    private Instant _lastSent;
    private long _firstArrived;
    private long _lastArrived;
    private int _firstSize;
    private int _arrivedBytes;
    private int _sentBytes;
    private int _wanted;

    /// <summary>Number of the probe; packets carry it in the send log. 0 before the first.</summary>
    public byte Id { get; private set; }

    /// <summary>Bitrate tried, 0 while no probe is under way.</summary>
    public int Rate { get; private set; }

    /// <summary>Bytes that still have to be sent.</summary>
    public int BytesLeft => Rate == 0 ? 0 : _wanted - _sentBytes;

    /// <summary>When the first packet went out.</summary>
    public Instant Started => _firstSent;

    public void Begin(int rate)
    {
        Id = (byte)(Id % 255 + 1);
        Rate = rate;
        _wanted = Math.Max(MinBytes, (int)(rate * Duration / 8_000_000));
        _sentBytes = _arrivedBytes = _firstSize = 0;
        _firstArrived = _lastArrived = 0;
        _firstSent = default;
    }

    public void Stop() => Rate = 0;

    public void Sent(int bytes, Instant now)
    {
        _firstSent = _sentBytes == 0 ? now : _firstSent;
        _lastSent = now;
        _sentBytes += bytes;
    }

    /// <summary>Counts an acknowledged packet of this probe; the measured bitrate once enough of it has come, else null.</summary>
    public int? Arrived(int bytes, long arrived)
    {
        if (_arrivedBytes == 0)
            (_firstArrived, _firstSize) = (arrived, bytes);

        _arrivedBytes += bytes;
        _lastArrived = Math.Max(_lastArrived, arrived);
        if (BytesLeft > 0 || _arrivedBytes < 0.9 * _sentBytes)
            return null;

        // N packets span N-1 gaps. A train that was not stretched shows no limit below the rate that was tried.
        var span = Math.Max(_lastArrived - _firstArrived, _lastSent - _firstSent);
        var measured = span < 1_000 ? Rate : Math.Min(Rate, (_arrivedBytes - _firstSize) * 8_000_000L / span);
        return (int)measured;
    }
}
