using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli.Doctor;

/// <summary>Whether the ports are free and a datagram reaches them.</summary>
internal static class NetworkChecks
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static IEnumerable<Finding> Ports(ServerOptions options)
    {
        yield return Port(options.Host, options.Port, ProtocolType.Tcp, "port", "the page and the API");
        if (options.WebrtcUdp)
            yield return Port(options.Host, options.WebrtcPort, ProtocolType.Udp, "webrtc-port", "video");
        if (options.WebrtcTcp)
            yield return Port(options.Host, options.WebrtcPort, ProtocolType.Tcp, "webrtc-port", "video where UDP is blocked");
    }

    /// <summary>Sends a datagram to the media port from another socket of this machine.</summary>
    public static async Task<Finding> UdpAsync(ServerOptions options, TimeProvider time, CancellationToken cancel)
    {
        var host = Address(options.Host);
        var to = host.Equals(IPAddress.Any) ? IPAddress.Loopback : host.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : host;
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            using var port = new Socket(to.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            using var client = new Socket(to.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            port.Bind(new IPEndPoint(to, 0));
            await client.SendToAsync(new byte[] { 1 }, SocketFlags.None, port.LocalEndPoint!, either.Token).ConfigureAwait(false);
            await port.ReceiveAsync(new byte[1], SocketFlags.None, either.Token).ConfigureAwait(false);
            var announced = options.WebrtcAddresses.Length > 0 ? string.Join(", ", options.WebrtcAddresses) : to.Equals(host)
                ? host.ToString()
                : string.Join(", ", Own());
            return Finding.Right("udp", $"datagrams arrive at {to}; clients are told to come to {announced}");
        }
        catch (SocketException e)
        {
            return Finding.Wrong("udp", $"no datagram can be sent to {to}: {e.Message}.",
                "Allow UDP in the firewall (nft list ruleset), or turn it off with --webrtc-udp false: video then goes over TCP.");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return Finding.Wrong("udp", $"a datagram to {to} did not arrive within {Patience.TotalSeconds:0} s.",
                "A firewall drops it: allow UDP (nft list ruleset), or turn it off with --webrtc-udp false: video then goes over TCP.");
        }
    }

    private static Finding Port(string host, int port, ProtocolType protocol, string flag, string use)
    {
        var address = Address(host);
        var name = $"{protocol.ToString().ToUpperInvariant()} {(port == 0 ? "any port" : $"port {port}")} on {host}";
        try
        {
            using var socket = new Socket(address.AddressFamily,
                protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram, protocol);
            socket.Bind(new IPEndPoint(address, port));
            if (protocol == ProtocolType.Tcp)
                socket.Listen();
            return Finding.Right("ports", $"{name} is free, for {use}");
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            var option = protocol == ProtocolType.Tcp ? "ltnp" : "lunp";
            return Finding.Wrong("ports", $"{name}, for {use}, is taken by another program.",
                $"If that is a TrueLive that runs already, all is well. Otherwise 'ss -{option} sport = :{port}' names the program: end " +
                $"it, or choose another port with --{flag}.");
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            return Finding.Wrong("ports", $"{host} is no address of this machine.",
                $"Set --host to one of {string.Join(", ", Own())}, or to 0.0.0.0 for all of them.");
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
        {
            return Finding.Wrong("ports", $"{name}, for {use}, is not for this user: {e.Message}.",
                $"Ports below 1024 are for root: choose a higher one with --{flag}, or allow it (sysctl " +
                $"net.ipv4.ip_unprivileged_port_start={port}).");
        }
        catch (SocketException e)
        {
            return Finding.Wrong("ports", $"{name}, for {use}, cannot be opened: {e.Message}.",
                $"Choose another address with --host or another port with --{flag}.");
        }
    }

    private static IPAddress Address(string host) => host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(host);

    private static IEnumerable<IPAddress> Own() => NetworkInterface.GetAllNetworkInterfaces()
        .Where(i => i.OperationalStatus == OperationalStatus.Up)
        .SelectMany(i => i.GetIPProperties().UnicastAddresses.Select(a => a.Address))
        .Where(a => !a.IsIPv6LinkLocal && !IPAddress.IsLoopback(a));
}
