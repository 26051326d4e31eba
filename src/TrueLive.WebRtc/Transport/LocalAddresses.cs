using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace TrueLive.WebRtc.Transport;

/// <summary>The addresses at which this machine can be reached: host candidates (RFC 8445 section 5.1.1.1).</summary>
internal static class LocalAddresses
{
    /// <summary>More addresses than this are not announced: each one costs the far side checks.</summary>
    public const int Max = 8;

    /// <summary>
    /// Addresses for a socket bound to <paramref name="bound"/>: that one, or every unicast address of the interfaces that are up when
    /// it is any. Loopback comes last, so that programs on this machine find it where the system has no other; link-local IPv6 is left out.
    /// </summary>
    public static IReadOnlyList<IPAddress> For(IPAddress bound)
    {
        if (!bound.Equals(IPAddress.Any) && !bound.Equals(IPAddress.IPv6Any))
            return [bound];
        var all = NetworkInterface.GetAllNetworkInterfaces()
            .Where(i => i.OperationalStatus is OperationalStatus.Up or OperationalStatus.Unknown)
            .SelectMany(i => i.GetIPProperties().UnicastAddresses.Select(a => a.Address))
            .Where(a => !a.IsIPv6LinkLocal && (a.AddressFamily == AddressFamily.InterNetwork || bound.AddressFamily == AddressFamily.InterNetworkV6))
            .Distinct();
        return [.. all.OrderBy(a => IPAddress.IsLoopback(a)).ThenBy(a => a.AddressFamily == AddressFamily.InterNetworkV6).Take(Max)];
    }
}
