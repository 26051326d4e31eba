using System.Net;
using System.Net.Sockets;

namespace TrueLive.Tests.Shared;

/// <summary>
/// Ports that nobody uses now. They lie below those that the system gives to whoever asks for any, so that none of the many connections
/// of other tests takes one before it is used.
/// </summary>
internal static class FreePort
{
    private const int First = 10_000;
    private const int End = 32_768;

    /// <summary>One that is free for TCP and for UDP.</summary>
    public static int Next()
    {
        while (true)
        {
            var port = Random.Shared.Next(First, End);
            try
            {
                using var listener = new TcpListener(IPAddress.Any, port);
                listener.Start();
                using var socket = new UdpClient(new IPEndPoint(IPAddress.Any, port));
                return port;
            }
            catch (SocketException)
            {
                // Somebody uses it.
            }
        }
    }
}
