namespace TrueLive.WebRtc.Congestion;

/// <summary>
/// Bitrate over a sliding window (draft-ietf-rmcat-gcc-02 section 5.5: the incoming bitrate, window 0.5 s). Times in microseconds.
/// </summary>
internal sealed class Throughput(long window = 500_000)
{
    private const int Buckets = 50;
    private readonly long[] _bytes = new long[Buckets];
    private readonly long _width = window / Buckets;
    private long _newest;
    private long _since;
    private long _total;

    public void Add(long time, int bytes)
    {
        if (time <= 0)
        {
            // The far side's clock may start anywhere; negative times are not counted.
            return;
        }

        _since = _since == 0 ? time : _since;
        Move(time);
        if (time / _width > _newest - Buckets)
        {
            _bytes[time / _width % Buckets] += bytes;
            _total += bytes;
        }
    }

    /// <summary>Bit/s up to the newest packet; null before there is enough to judge.</summary>
    public int? Bitrate()
    {
        var span = Math.Min((_newest + 1) * _width - _since, window);
        return _since == 0 || span < 150_000 ? null : (int)Math.Min(_total * 8_000_000 / span, int.MaxValue);
    }

    public void Reset()
    {
        Array.Clear(_bytes);
        _newest = _since = _total = 0;
    }

    private void Move(long time)
    {
        var bucket = time / _width;
        if (bucket - _newest >= Buckets || _newest == 0)
        {
            Array.Clear(_bytes);
            _total = 0;
            _newest = Math.Max(bucket, _newest);
            return;
        }

        while (_newest < bucket)
        {
            _newest++;
            _total -= _bytes[_newest % Buckets];
            _bytes[_newest % Buckets] = 0;
        }
    }
}
