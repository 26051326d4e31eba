using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using TrueLive.WebRtc.Dtls;
using TrueLive.WebRtc.Ice;
using TrueLive.WebRtc.Peers;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Stun;
using TrueLive.WebRtc.Timing;
using TrueLive.WebRtc.Transport;

namespace TrueLive.WebRtc;

/// <summary>Settings of an <see cref="RtcEndpoint"/>.</summary>
public sealed record RtcEndpointOptions
{
    /// <summary>Address to bind to; any address takes IPv4 and IPv6 where the system has both.</summary>
    public IPAddress Address { get; init; } = IPAddress.IPv6Any;

    /// <summary>Port of UDP and TCP alike; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>Announce UDP.</summary>
    public bool Udp { get; init; } = true;

    /// <summary>Listen for TCP and announce it.</summary>
    public bool Tcp { get; init; }

    /// <summary>Addresses to announce, for a machine behind NAT; empty announces those of the machine.</summary>
    public IReadOnlyList<IPAddress> Announced { get; init; } = [];

    /// <summary>Connections at most; beyond it offers are refused.</summary>
    public int MaxPeers { get; init; } = 1024;
}

/// <summary>
/// The port that all peer connections of a process share: one UDP socket and, when asked for, one TCP listener with the same number.
/// A datagram finds its peer by the address it came from, a first STUN check by the user fragment in it (RFC 8445 section 7.3).
/// Thread-safe.
/// </summary>
public sealed class RtcEndpoint : IDisposable
{
    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(5);

    private const int FreePortAttempts = 16;

    private readonly RtcEndpointOptions _options;
    private readonly UdpPort _udp;
    private readonly TcpPort? _tcp;
    private readonly ConcurrentDictionary<string, RtcPeer> _byUfrag = new();

    // Iterated on every tick: enumerating a dictionary would allocate each time.
    private volatile RtcPeer[] _peers = [];
    private readonly ConcurrentDictionary<SocketAddress, RtcPeer> _byAddress = new();
    private readonly ConcurrentDictionary<TcpRoute, RtcPeer> _byConnection = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<RtcPeer> _left = new();
    private long _strange;

    /// <summary>Opens the port.</summary>
    /// <exception cref="SocketException">The port is taken or not allowed.</exception>
    public RtcEndpoint(RtcEndpointOptions options, TimeProvider time)
    {
        (_options, Clock, Announced) = (options, new Clock(time), options.Announced);
        var address = options.Address.Equals(IPAddress.IPv6Any) && !Socket.OSSupportsIPv6 ? IPAddress.Any : options.Address;
        // A port that is free for UDP may be taken for TCP: then another one is tried, but never when the caller named the port.
        for (var attempt = 1; ; attempt++)
        {
            _udp = new UdpPort(address, options.Port, Received, Tick, TickInterval, time);
            if (!options.Tcp)
                break;
            try
            {
                _tcp = new TcpPort(address, _udp.Local.Port, Received, time);
                break;
            }
            catch (SocketException)
            {
                _udp.Dispose();
                if (options.Port != 0 || attempt == FreePortAttempts)
                    throw;
            }
        }
        Certificate = DtlsCertificate.Create(time.GetUtcNow());
    }

    /// <summary>
    /// Addresses to announce; empty announces those of the machine. May be changed: answers from then on have the new ones.
    /// </summary>
    public IReadOnlyList<IPAddress> Announced { get; set; }

    /// <summary>The port in use.</summary>
    public int Port => _udp.Local.Port;

    /// <summary>Connections that are open.</summary>
    public int Count => _peers.Length;

    /// <summary>Datagrams from addresses that no peer has shown.</summary>
    public long StrangeDatagrams => Interlocked.Read(ref _strange);

    /// <summary>Datagrams that the system did not take.</summary>
    public long UnsentDatagrams => _udp.Unsent + (_tcp?.Dropped ?? 0);

    /// <summary>TCP connections that were closed because too many strangers were connected.</summary>
    public long RefusedConnections => _tcp?.Refused ?? 0;

    internal Clock Clock { get; }

    internal DtlsCertificate Certificate { get; }

    /// <summary>Answers an offer as a server that the far side can reach (ICE-lite).</summary>
    /// <exception cref="SdpException">The offer cannot be answered; the message says why.</exception>
    /// <exception cref="InvalidOperationException">There are <see cref="RtcEndpointOptions.MaxPeers"/> connections.</exception>
    public RtcPeer Answer(string offer, MediaPreferences preferences, PeerOptions? options = null)
    {
        Admit();
        var credentials = IceCredentials.New();
        options ??= new PeerOptions();
        var answerer = new SdpAnswerer(preferences);
        var plan = answerer.Answer(offer, _ => Describe(credentials, lite: true, options.Reached), out var answer);
        return RtcPeer.Answering(this, options, credentials, answerer, plan, answer);
    }

    /// <summary>Finds out whether <see cref="Answer"/> would take an offer, without making a connection.</summary>
    /// <exception cref="SdpException">It would not; the message says why.</exception>
    public void Check(string offer, MediaPreferences preferences) =>
        PeerConnection.Check(SdpNegotiation.Answer(offer, preferences, Describe(IceCredentials.New(), lite: true), out _));

    /// <summary>Makes an offer; <see cref="RtcPeer.Accept"/> takes its answer. The connection runs the checks (full ICE).</summary>
    /// <exception cref="InvalidOperationException">There are <see cref="RtcEndpointOptions.MaxPeers"/> connections.</exception>
    public RtcPeer Offer(MediaPreferences preferences, PeerOptions? options = null)
    {
        Admit();
        var credentials = IceCredentials.New();
        var offer = new SdpOffer(preferences, Describe(credentials, lite: false));
        return RtcPeer.Offering(this, options ?? new PeerOptions(), credentials, offer);
    }

    /// <summary>Closes all connections and the port.</summary>
    public void Dispose()
    {
        foreach (var peer in _peers)
            peer.Close("The endpoint was closed.");
        _stop.Cancel();
        _udp.Dispose();
        _tcp?.Dispose();
        _stop.Dispose();
        DeliverLast();
    }

    internal TransportDescription Describe(IceCredentials credentials, bool lite, IPAddress? reached = null) => new()
    {
        IceUfrag = credentials.Ufrag,
        IcePassword = credentials.Password,
        Fingerprint = Certificate.Fingerprint,
        IceLite = lite,
        EndOfCandidates = true,
        Candidates = [.. Candidates(reached).Select(c => c.ToString())],
    };

    internal void Register(string ufrag, RtcPeer peer)
    {
        lock (_byUfrag)
        {
            _byUfrag[ufrag] = peer;
            ListPeers();
        }
    }

    internal void Unregister(string ufrag)
    {
        lock (_byUfrag)
        {
            _byUfrag.TryRemove(ufrag, out _);
            ListPeers();
        }
    }

    // During an ICE restart a peer has two fragments; it still counts once.
    private void ListPeers() => _peers = [.. _byUfrag.Values.Distinct()];

    internal void Bind(SocketAddress address, RtcPeer peer) => _byAddress[address] = peer;

    internal void Bind(TcpRoute connection, RtcPeer peer) => _byConnection[connection] = peer;

    internal void Unbind(TcpRoute connection) => _byConnection.TryRemove(connection, out _);

    internal void Unbind(SocketAddress address, RtcPeer peer) =>
        _byAddress.TryRemove(new KeyValuePair<SocketAddress, RtcPeer>(address, peer));

    /// <summary>The route to an address for the checks of <paramref name="peer"/>; datagrams from there belong to the peer.</summary>
    internal SocketRoute RouteTo(IPEndPoint remote, bool tcp, RtcPeer peer)
    {
        if (!tcp)
        {
            var route = _udp.RouteTo(remote);
            peer.Claim(UdpPort.KeyOf(route));
            return route;
        }
        var connection = new TcpRoute(new Socket(remote.AddressFamily, SocketType.Stream, ProtocolType.Tcp), remote);
        peer.Own(connection);
        // Apart from the caller, who holds the peer's lock: what arrives is delivered by whoever reads it.
        _ = Task.Run(() => connection.RunAsync(Received, _stop.Token));
        return connection;
    }

    private void Admit()
    {
        if (_peers.Length >= _options.MaxPeers)
            throw new InvalidOperationException($"The endpoint holds {_options.MaxPeers} connections.");
    }

    private IEnumerable<IceCandidate> Candidates(IPAddress? reached)
    {
        var announced = Announced;
        var addresses = announced.Count > 0 ? announced : LocalAddresses.For(_udp.Local.Address);
        // Where the machine has many addresses, the far side certainly reaches the one that it has just used.
        if (announced.Count == 0 && addresses.Count > 1 && reached is { IsIPv6LinkLocal: false } && !IPAddress.IsLoopback(reached))
            addresses = [.. addresses.Prepend(reached.IsIPv4MappedToIPv6 ? reached.MapToIPv4() : reached).Distinct()
                .Take(LocalAddresses.Max)];
        if (_options.Udp)
        {
            for (var i = 0; i < addresses.Count; i++)
                yield return IceCandidate.Host(new IPEndPoint(addresses[i], Port), tcp: false, i);
        }
        if (_tcp is not null)
        {
            for (var i = 0; i < addresses.Count; i++)
                yield return IceCandidate.Host(new IPEndPoint(addresses[i], Port), tcp: true, i);
        }
    }

    private void Received(Span<byte> datagram, SocketAddress from)
    {
        RtcPeer? peer = null;
        try
        {
            Deliver(datagram, from, ref peer);
        }
        catch (Exception error) when (peer is not null)
        {
            // The thread serves all connections: a fault ends only the connection that caused it.
            peer.Fail(error);
        }
    }

    private void Deliver(Span<byte> datagram, SocketAddress from, ref RtcPeer? peer)
    {
        if (_byAddress.TryGetValue(from, out peer))
        {
            if (!StunMessage.LooksLikeStun(datagram))
            {
                peer.Receive(datagram, overTcp: false);
            }
            else if (StunMessage.TryParse(datagram, out var message))
            {
                peer = message.Class == StunClass.Request ? FindByUfrag(message.Username) ?? peer : peer;
                peer.Receive(message, _udp.RouteTo(from));
            }
        }
        else if (_options.Udp && StunMessage.TryParse(datagram, out var first) && FindByUfrag(first.Username) is { } newcomer)
        {
            peer = newcomer;
            peer.Receive(first, _udp.RouteTo(from));
        }
        else
        {
            Interlocked.Increment(ref _strange);
        }
    }

    private void Received(Span<byte> datagram, TcpRoute route)
    {
        RtcPeer? peer = null;
        try
        {
            Deliver(datagram, route, ref peer);
        }
        catch (Exception error) when (peer is not null)
        {
            peer.Fail(error);
        }
    }

    private void Deliver(Span<byte> datagram, TcpRoute route, ref RtcPeer? peer)
    {
        _byConnection.TryGetValue(route, out peer);
        if (StunMessage.LooksLikeStun(datagram))
        {
            if (!StunMessage.TryParse(datagram, out var message))
                return;
            peer ??= FindByUfrag(message.Username);
            peer?.Receive(message, route);
        }
        else if (peer is not null)
        {
            peer.Receive(datagram, overTcp: true);
        }
        else
        {
            // RFC 6544 section 7.2: nothing but a check may come first.
            Interlocked.Increment(ref _strange);
            route.Dispose();
        }
    }

    private RtcPeer? FindByUfrag(ReadOnlySpan<byte> username)
    {
        var colon = username.IndexOf((byte)':');
        return colon is > 0 and <= 64 && _byUfrag.TryGetValue(Encoding.UTF8.GetString(username[..colon]), out var peer) ? peer : null;
    }

    /// <summary>A peer has ended: its owner still has to be told the last events.</summary>
    internal void Left(RtcPeer peer) => _left.Enqueue(peer);

    private void Tick()
    {
        foreach (var peer in _peers)
            Tick(peer);
        DeliverLast();
    }

    private void DeliverLast()
    {
        while (_left.TryDequeue(out var peer))
            peer.Deliver();
    }

    private static void Tick(RtcPeer peer)
    {
        try
        {
            peer.Tick();
        }
        catch (Exception error)
        {
            // As on the reading thread: a fault ends only the connection that caused it.
            peer.Fail(error);
        }
    }
}
