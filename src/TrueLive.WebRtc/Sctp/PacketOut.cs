namespace TrueLive.WebRtc.Sctp;

/// <summary>Takes an outgoing packet; the bytes are borrowed for the length of the call.</summary>
public delegate void PacketOut(Span<byte> packet);
