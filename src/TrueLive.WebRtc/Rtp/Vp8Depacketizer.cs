namespace TrueLive.WebRtc.Rtp;

/// <summary>Reads the VP8 payload descriptor (RFC 7741 section 4.2).</summary>
internal static class Vp8Depacketizer
{
    /// <summary>Splits a payload; false when it is malformed or holds no VP8 data.</summary>
    /// <param name="payload">RTP payload.</param>
    /// <param name="data">The VP8 bytes.</param>
    /// <param name="frameStart">The data begins a frame (start of partition 0).</param>
    internal static bool TryParse(ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> data, out bool frameStart)
    {
        data = default;
        frameStart = false;
        if (payload.IsEmpty)
            return false;

        var length = 1;
        if ((payload[0] & 0x80) != 0)
        {
            if (payload.Length < 2)
                return false;

            var extended = payload[1];
            length++;
            if ((extended & 0x80) != 0)
            {
                if (payload.Length <= length)
                    return false;

                length += (payload[length] & 0x80) != 0 ? 2 : 1;
            }

            length += (extended & 0x40) != 0 ? 1 : 0;
            length += (extended & 0x30) != 0 ? 1 : 0;
        }

        if (payload.Length <= length)
            return false;

        data = payload[length..];
        frameStart = (payload[0] & 0x17) == 0x10;
        return true;
    }

    /// <summary>The payload is the first one of a key frame (RFC 7741 section 4.3: inverse key frame flag is 0).</summary>
    internal static bool BeginsKeyFrame(ReadOnlySpan<byte> payload) =>
        TryParse(payload, out var data, out var start) && start && (data[0] & 1) == 0;
}
