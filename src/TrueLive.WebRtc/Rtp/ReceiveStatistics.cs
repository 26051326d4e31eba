using TrueLive.WebRtc.Rtcp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Rtp;

/// <summary>Loss and jitter of one received stream for its report blocks (RFC 3550 sections 6.4.1, A.3 and A.8).</summary>
internal sealed class ReceiveStatistics(int clockRate)
{
    private long _first;
    private long _highest;
    private long _received;
    private long _expectedBefore;
    private long _receivedBefore;
    private long _transit;
    private double _jitter;
    private uint _lastSenderReport;
    private Instant _lastSenderReportAt;

    public bool Started => _first != 0;

    /// <summary>Packets that never came, as counted by sequence numbers; duplicates lower it (RFC 3550 section 6.4.1).</summary>
    public long Lost => Started ? _highest - _first + 1 - _received : 0;

    public long Received => _received;

    /// <summary>Counts one packet of the stream itself (retransmissions on their own stream do not count).</summary>
    public void Add(long sequence, uint timestamp, Instant now)
    {
        if (_first == 0)
            _first = _highest = sequence;

        _received++;
        var transit = now.Microseconds * clockRate / 1_000_000 - timestamp;
        if (sequence > _highest)
        {
            _highest = sequence;
            if (_received > 1)
            {
                var difference = Math.Abs((long)(int)(transit - _transit));
                _jitter += (Math.Min(difference, 10L * clockRate) - _jitter) / 16;
            }
        }

        _transit = transit;
    }

    /// <summary>The sender's latest report of its clocks; null before the first.</summary>
    public SenderReport? LastSenderReport { get; private set; }

    /// <summary>Notes the times of a sender report.</summary>
    public void SenderReport(ulong ntp, uint rtpTime, Instant now)
    {
        (_lastSenderReport, _lastSenderReportAt) = (NtpTime.Middle(ntp), now);
        LastSenderReport = new SenderReport(ntp, rtpTime);
    }

    /// <summary>The report block for the time since the last call.</summary>
    public ReportBlock Report(uint ssrc, Instant now)
    {
        var expected = _highest - _first + 1;
        var expectedNow = expected - _expectedBefore;
        var lostNow = expectedNow - (_received - _receivedBefore);
        (_expectedBefore, _receivedBefore) = (expected, _received);
        return new ReportBlock(
            ssrc,
            (byte)(expectedNow <= 0 || lostNow <= 0 ? 0 : Math.Min(255, (lostNow << 8) / expectedNow)),
            (int)Math.Clamp(expected - _received, -0x800000, 0x7FFFFF),
            (uint)_highest,
            (uint)_jitter,
            _lastSenderReport,
            _lastSenderReport == 0 ? 0 : (uint)((UInt128)(ulong)Math.Max(0, now - _lastSenderReportAt) * 65536 / 1_000_000));
    }
}
