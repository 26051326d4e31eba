namespace TrueLive.WebRtc.Dtls;

/// <summary>Takes one outgoing datagram; borrowed, valid during the call.</summary>
internal delegate void DatagramOut(ReadOnlySpan<byte> datagram);
