using System.Collections.Concurrent;
using System.Net;
using TrueLive.WebRtc.Transport;

namespace TrueLive.WebRtc.Whip;

/// <summary>How far a server may lead the client that measures it, by its name, and by the addresses in its answer.</summary>
public enum WhipReach : byte
{
    /// <summary>
    /// For an address of the user's own: the server may be anywhere, its media in a private network only where the server itself is in one.
    /// </summary>
    Any,

    /// <summary>
    /// For somebody else who may name this host: it may be in a private network, its media only at its own addresses or public ones.
    /// </summary>
    Host,

    /// <summary>For somebody else: nothing in a private network.</summary>
    Public,
}

/// <summary>Connects to one server and knows what it may lead to. The address that was checked is the one that is connected to.</summary>
internal sealed class ReachedServer(WhipReach reach, TimeSpan connectTime)
{
    private readonly ConcurrentDictionary<IPAddress, bool> _connected = new();

    /// <summary>Follows no redirects and keeps no cookies.</summary>
    public SocketsHttpHandler Handler() => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = reach == WhipReach.Any,
        ConnectTimeout = connectTime,
        ConnectCallback = ConnectAsync,
    };

    /// <summary>Whether media may go to an address that the server named.</summary>
    public bool MayLeadTo(IPAddress address) => !PrivateAddress.Is(address) || reach switch
    {
        WhipReach.Any => _connected.Keys.Any(PrivateAddress.Is),
        WhipReach.Host => _connected.ContainsKey(Plain(address)),
        _ => false,
    };

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        var to = context.DnsEndPoint;
        var addresses = await Dns.GetHostAddressesAsync(to.Host, cancel).ConfigureAwait(false);
        IPAddress[] usable = reach == WhipReach.Public ? [.. addresses.Where(a => !PrivateAddress.Is(a))] : addresses;
        if (usable.Length == 0)
            throw new IOException($"{to.Host} is in a private network, which this run may not reach.");
        var stream = await CheckedAddresses.ConnectAsync(usable, to.Port, cancel).ConfigureAwait(false);
        _connected[Plain(((IPEndPoint)stream.Socket.RemoteEndPoint!).Address)] = true;
        return stream;
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
