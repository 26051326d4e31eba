using TrueLive.WebRtc.Ice;

namespace TrueLive.WebRtc.Transport;

/// <summary>A way over a socket of this machine.</summary>
internal abstract class SocketRoute : IceRoute
{
    /// <summary>Sends one datagram, or drops it when the way is congested or gone. Any thread; never blocks.</summary>
    public abstract void Send(ReadOnlySpan<byte> datagram);
}
