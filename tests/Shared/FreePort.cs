using System.Net;
using System.Net.Sockets;

namespace TrueLive.Tests.Shared;

/// <summary>
/// A port for a program that cannot be told to take any. It lies below those that the system itself hands out (ip_local_port_range), so
/// that none of the tests that run at the same time is given it before that program has it.
/// </summary>
internal static class FreePort
{
    public static int Tcp() => Of(SocketType.Stream, ProtocolType.Tcp);

    public static int Udp() => Of(SocketType.Dgram, ProtocolType.Udp);

    private static int Of(SocketType type, ProtocolType protocol)
    {
        while (true)
        {
            var port = Random.Shared.Next(20_000, 32_000);
            using var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
            }
        }
    }
}
