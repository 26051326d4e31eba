namespace TrueLive.WebRtc.Sctp;

/// <summary>Takes an outgoing packet; the bytes are borrowed for the length of the call.</summary>
internal delegate void PacketOut(Span<byte> packet);
