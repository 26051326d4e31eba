namespace TrueLive.WebRtc.Transport;

/// <summary>Takes one outgoing datagram; borrowed, valid during the call.</summary>
internal delegate void DatagramOut(ReadOnlySpan<byte> datagram);
