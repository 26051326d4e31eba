using System.Net;
using System.Net.Sockets;

namespace TrueLive.WebRtc.Transport;

/// <summary>
/// Connects to the very addresses that were checked, so that a DNS answer that changes in between (DNS rebinding) has no effect.
/// </summary>
public static class CheckedAddresses
{
    /// <summary>A TCP connection to the first of a host's addresses that answers.</summary>
    /// <exception cref="SocketException">None does.</exception>
    public static async ValueTask<NetworkStream> ConnectAsync(IPAddress[] addresses, int port, CancellationToken cancel)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, port, cancel).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
