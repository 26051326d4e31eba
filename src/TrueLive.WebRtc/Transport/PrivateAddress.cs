using System.Net;
using System.Net.Sockets;

namespace TrueLive.WebRtc.Transport;

/// <summary>Addresses that only this machine or its own network can reach, where a stranger must not send us.</summary>
public static class PrivateAddress
{
    /// <summary>Loopback, private, link-local, shared, multicast and reserved ranges (RFC 6890), also inside IPv6.</summary>
    public static bool Is(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        var b = address.GetAddressBytes();
        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            return b[0] is 0 or 10 or 127 or >= 224 || (b[0], b[1]) is (169, 254) or (172, >= 16 and <= 31) or (192, 168)
                or (100, >= 64 and <= 127) or (198, 18 or 19)
                || (b[0], b[1], b[2]) is (192, 0, 0) or (192, 0, 2) or (198, 51, 100) or (203, 0, 113);
        }
        // Global unicast is 2000::/3. Within it, 6to4, Teredo and NAT64 embed an IPv4 address that would need a check of its own.
        return (b[0] & 0xE0) != 0x20 || (b[0], b[1]) is (0x20, 0x02)
            || (b[0], b[1], b[2], b[3]) is (0x20, 0x01, 0, 0) or (0x20, 0x01, 0x0D, 0xB8);
    }
}
