namespace TrueLive.WebRtc.Sctp;

/// <summary>How much may be in flight, and how long an acknowledgement may take (RFC 9260 sections 6.3 and 7.2).</summary>
internal sealed class SctpWindow
{
    private const int Mtu = SctpPacketWriter.MaxPacket;
    private const double MinTimeout = 0.3;
    private const double MaxTimeout = 10;

    private int _threshold = int.MaxValue;
    private int _partial;
    private uint? _recoverTo;
    private double _mean;
    private double _variation;
    private double _timeout = 1;

    /// <summary>Bytes that may be in flight.</summary>
    public int Bytes { get; private set; } = 4 * Mtu;

    /// <summary>Time after which a chunk counts as lost, in microseconds.</summary>
    public long TimeoutUs => (long)(_timeout * 1e6);

    /// <summary>Whether so many bytes in flight use the window up; only then may it grow.</summary>
    public bool IsUsed(int inFlight) => inFlight >= Bytes - Mtu;

    /// <summary>Takes the time in seconds between a chunk that was sent once and its acknowledgement.</summary>
    public void Measure(double roundTrip)
    {
        if (_mean == 0)
            (_mean, _variation) = (roundTrip, roundTrip / 2);
        else
            (_variation, _mean) = (0.75 * _variation + 0.25 * Math.Abs(_mean - roundTrip), 0.875 * _mean + 0.125 * roundTrip);
        _timeout = Math.Clamp(_mean + 4 * _variation, MinTimeout, MaxTimeout);
    }

    /// <summary>Takes the bytes that were acknowledged while the window was used up and no loss was being mended.</summary>
    public void Grow(int acknowledged)
    {
        if (_recoverTo is not null)
            return;
        if (Bytes <= _threshold)
        {
            Bytes += Math.Min(acknowledged, Mtu);
            return;
        }
        _partial += acknowledged;
        if (_partial < Bytes)
            return;
        _partial -= Bytes;
        Bytes += Mtu;
    }

    /// <summary>
    /// A chunk was missing three times: halves the window, once until everything up to <paramref name="sent"/> has arrived.
    /// </summary>
    public void Lost(uint sent)
    {
        if (_recoverTo is not null)
            return;
        _threshold = Math.Max(Bytes / 2, 4 * Mtu);
        (Bytes, _partial, _recoverTo) = (_threshold, 0, sent);
    }

    /// <summary>Everything up to a TSN has arrived.</summary>
    public void Arrived(uint cumulative)
    {
        if (_recoverTo is { } to && (int)(cumulative - to) >= 0)
            _recoverTo = null;
    }

    /// <summary>Nothing was acknowledged in time: begins anew with one packet, and waits twice as long.</summary>
    public void TimedOut()
    {
        _threshold = Math.Max(Bytes / 2, 4 * Mtu);
        (Bytes, _partial, _recoverTo) = (Mtu, 0, null);
        _timeout = Math.Min(_timeout * 2, MaxTimeout);
    }
}
