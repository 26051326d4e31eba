namespace TrueLive.WebRtc.Rtcp;

/// <summary>NTP timestamps as RTCP carries them (RFC 3550 section 4): seconds since 1900 in 32.32 fixed point.</summary>
internal static class NtpTime
{
    private static readonly DateTimeOffset Epoch = new(1900, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>128-bit arithmetic: ticks times 2^32 do not fit in 64 bits.</summary>
    internal static ulong From(DateTimeOffset time) =>
        (ulong)((UInt128)(ulong)(time - Epoch).Ticks * (1UL << 32) / TimeSpan.TicksPerSecond);

    /// <summary>The middle 32 bits, in units of 1/65536 s.</summary>
    internal static uint Middle(ulong ntp) => (uint)(ntp >> 16);

    /// <summary>
    /// Round trip in microseconds from a report block that arrived at <paramref name="nowMiddle"/>; null when it is implausible.
    /// </summary>
    internal static long? RoundTrip(uint nowMiddle, in ReportBlock block)
    {
        if (block.LastSenderReport == 0)
            return null;

        var units = unchecked((int)(nowMiddle - block.LastSenderReport - block.DelaySinceLastSenderReport));
        // Clock rounding may make a very short round trip negative.
        return units is > -66 and < 65536 * 30 ? Math.Max(1, units) * 1_000_000L / 65536 : null;
    }
}
