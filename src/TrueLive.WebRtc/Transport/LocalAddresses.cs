using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace TrueLive.WebRtc.Transport;

/// <summary>The addresses at which this machine can be reached: host candidates (RFC 8445 section 5.1.1.1).</summary>
public static class LocalAddresses
{
    // As Docker, Podman, libvirt, LXC and Kubernetes name them.
    private static readonly string[] Bridges = ["docker", "br-", "veth", "podman", "cni", "flannel", "cali", "virbr", "vnet",
        "lxc", "lxdbr"];

    /// <summary>More addresses than this are not announced: each one costs the far side checks.</summary>
    public const int Max = 8;

    /// <summary>
    /// Addresses for a socket bound to <paramref name="bound"/>: that one, or the unicast addresses of the interfaces that are up when
    /// it is any, at most <see cref="Max"/>: first of interfaces with a way out, then of others, then of bridges between containers and
    /// virtual
    /// machines, which nobody outside reaches. Loopback comes last, so that programs on this machine find it where the system has no other;
    /// link-local IPv6 is left out.
    /// </summary>
    public static IReadOnlyList<IPAddress> For(IPAddress bound)
    {
        if (!bound.Equals(IPAddress.Any) && !bound.Equals(IPAddress.IPv6Any))
            return [bound];
        var all = NetworkInterface.GetAllNetworkInterfaces()
            .Where(i => i.OperationalStatus is OperationalStatus.Up or OperationalStatus.Unknown)
            .SelectMany(i => i.GetIPProperties() is var p
                ? p.UnicastAddresses.Select(a => (a.Address, Rank: Rank(i.Name, a.Address, p.GatewayAddresses.Count > 0)))
                : [])
            .Where(a => !a.Address.IsIPv6LinkLocal && (a.Address.AddressFamily == AddressFamily.InterNetwork
                || bound.AddressFamily == AddressFamily.InterNetworkV6));
        return Order(all);
    }

    internal static IReadOnlyList<IPAddress> Order(IEnumerable<(IPAddress Address, int Rank)> all) =>
        [.. all.OrderBy(a => a.Rank).ThenBy(a => a.Address.AddressFamily == AddressFamily.InterNetworkV6).Select(a => a.Address).Distinct()
            .Take(Max)];

    /// <summary>How likely it is that a far side reaches an address; less is likelier.</summary>
    internal static int Rank(string interfaceName, IPAddress address, bool hasGateway) =>
        IPAddress.IsLoopback(address) ? 3 : hasGateway ? 0
            : Array.Exists(Bridges, b => interfaceName.StartsWith(b, StringComparison.Ordinal)) ? 2 : 1;
}
