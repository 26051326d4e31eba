namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// Takes one outgoing RTP or RTCP packet: the first <paramref name="length"/> bytes of <paramref name="buffer"/>. At least
/// 32 bytes behind it are free so that SRTP can protect in place. Borrowed: valid, and free to overwrite, during the call.
/// </summary>
public delegate void RtpOut(Span<byte> buffer, int length);
