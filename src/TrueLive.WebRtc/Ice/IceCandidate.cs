using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace TrueLive.WebRtc.Ice;

/// <summary>A transport address of one side (RFC 8839 section 5.1, RFC 6544 for TCP). Only component 1: RTCP shares its port.</summary>
/// <param name="Address">Where.</param>
/// <param name="IsTcp">TCP, passive; else UDP.</param>
/// <param name="Priority">RFC 8445 section 5.1.2.</param>
internal sealed record IceCandidate(IPEndPoint Address, bool IsTcp, uint Priority)
{
    /// <summary>A host candidate of ours; <paramref name="rank"/> orders the addresses of a machine, 0 first.</summary>
    public static IceCandidate Host(IPEndPoint address, bool tcp, int rank)
    {
        // RFC 8421 section 4 would interleave address families; the order of the system's own list serves as well.
        var local = (uint)Math.Max(0, 65535 - rank);
        return new IceCandidate(address, tcp, ((tcp ? 90u : 126u) << 24) | (local << 8) | 255);
    }

    /// <summary>Priority of an address that the far side learns from our check (RFC 8445 section 7.1.1).</summary>
    public uint PeerReflexivePriority => (110u << 24) | (Priority & 0x00FF_FFFF);

    /// <summary>The attribute value, beginning <c>candidate:</c>.</summary>
    public override string ToString()
    {
        var address = Address.Address.IsIPv4MappedToIPv6 ? Address.Address.MapToIPv4() : Address.Address;
        var foundation = (uint)HashCode.Combine(address, IsTcp);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"candidate:{foundation} 1 {(IsTcp ? "tcp" : "udp")} {Priority} {address} {Address.Port} typ " +
                $"host{(IsTcp ? " tcptype passive" : "")}");
    }

    /// <summary>
    /// Reads an attribute value, with or without <c>a=</c>. False for what cannot be reached from here: names (mDNS among them), other
    /// components, TCP that is not passive, and malformed values.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out IceCandidate? candidate)
    {
        candidate = null;
        if (text.Length > 512)
            return false;
        if (text.StartsWith("a="))
            text = text[2..];
        if (!text.StartsWith("candidate:"))
            return false;
        var parts = text[10..].Trim().ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length < 8 || parts[1] != "1" || parts[6] != "typ")
            return false;
        var tcp = parts[2].Equals("tcp", StringComparison.OrdinalIgnoreCase);
        if (!tcp && !parts[2].Equals("udp", StringComparison.OrdinalIgnoreCase))
            return false;
        var type = Array.IndexOf(parts, "tcptype");
        if (tcp && (type < 0 || type + 1 >= parts.Length || parts[type + 1] != "passive"))
            return false;
        if (!uint.TryParse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture, out var priority)
            || !ushort.TryParse(parts[5], NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0
            || !IPAddress.TryParse(parts[4], out var address) || IsNobody(address))
            return false;
        candidate = new IceCandidate(new IPEndPoint(address, port), tcp, priority);
        return true;
    }

    private static bool IsNobody(IPAddress a) =>
        a.Equals(IPAddress.Any) || a.Equals(IPAddress.IPv6Any) || a.Equals(IPAddress.Broadcast) || a.IsIPv6Multicast
            || (a.GetAddressBytes() is [>= 224 and <= 239, _, _, _]);
}
