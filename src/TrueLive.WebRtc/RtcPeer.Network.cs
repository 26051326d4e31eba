using System.Net;
using TrueLive.WebRtc.Dtls;
using TrueLive.WebRtc.Ice;
using TrueLive.WebRtc.Peers;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Stun;
using TrueLive.WebRtc.Transport;

namespace TrueLive.WebRtc;

/// <summary>
/// The side towards the endpoint: what the network brings goes into the engine under the lock, and what it gives goes out under the lock,
/// so that packets keep their order.
/// </summary>
public sealed partial class RtcPeer
{
    private const int MaxAddresses = 16;

    // A browser opens one for each of our addresses; more suggests an attempt to exhaust sockets.
    internal const int MaxTaken = 8;

    private readonly List<SocketAddress> _addresses = [];
    private readonly List<TcpRoute> _connections = [];
    private readonly List<string> _ufrags = [];
    private bool _isOpen;
    private volatile bool _isOver;

    /// <summary>Takes one STUN message.</summary>
    internal void Receive(in StunMessage message, IceRoute route)
    {
        lock (_gate)
        {
            if (_connection is not { } connection || (route is not TcpRoute && IsLost(leaves: false))
                || !connection.Handle(message, route, _endpoint.Clock.Now))
                return;
            if (route is TcpRoute tcp)
                Own(tcp);
            else
                Claim(UdpPort.KeyOf(route));
            Settle();
        }
        Deliver();
    }

    /// <summary>Takes one datagram that is not STUN; decrypts in place.</summary>
    internal void Receive(Span<byte> datagram, bool overTcp)
    {
        lock (_gate)
        {
            if (!overTcp && IsLost(leaves: false))
                return;
            _connection?.Handle(datagram, _endpoint.Clock.Now);
            Settle();
        }
        Deliver();
    }

    /// <summary>Does what is due.</summary>
    internal void Tick()
    {
        lock (_gate)
        {
            if (_connection is { State: not PeerState.Closed } connection && _endpoint.Clock.Now is var now && now >= connection.Deadline)
                connection.Handle(now);
            Settle();
        }
        Deliver();
    }

    /// <summary>Ends the connection after a fault, including one in the owner's handlers.</summary>
    internal void Fail(Exception error) => Close($"The connection failed: {error.Message}");

    /// <summary>Datagrams from this address belong to this connection.</summary>
    internal void Claim(SocketAddress address)
    {
        lock (_gate)
        {
            if (!_addresses.Contains(address))
            {
                if (_addresses.Count == MaxAddresses)
                {
                    _endpoint.Unbind(_addresses[0], this);
                    _addresses.RemoveAt(0);
                }
                _addresses.Add(address);
            }
            // Another peer may have claimed the address with a forged source; each check of the rightful peer takes it back.
            _endpoint.Bind(address, this);
        }
    }

    /// <summary>This TCP connection belongs to the peer and ends with it. Of too many, the oldest that is not in use ends.</summary>
    internal void Own(TcpRoute route)
    {
        lock (_gate)
        {
            if (_connections.Contains(route))
                return;
            route.Ended = Forget;
            _endpoint.Bind(route, this);
            // A full agent opens at most one for each candidate pair.
            var most = _offer is not null ? IceFull.MaxPairs : MaxTaken;
            if (_connections.Count >= most && _connections.Find(c => c != _connection?.Route) is { } oldest)
            {
                _connections.Remove(oldest);
                oldest.Dispose();
            }
            _connections.Add(route);
        }
    }

    private void Begin(MediaPlan plan, bool lite)
    {
        lock (_gate)
        {
            _connection = new PeerConnection(
                new PeerSettings
                {
                    Plan = plan,
                    Local = _credentials,
                    Lite = lite,
                    Certificate = _endpoint.Certificate,
                    Clock = _endpoint.Clock,
                    Media = _options.Media,
                },
                _endpoint.Clock.Now);
            Register(_credentials.Ufrag);
        }
    }

    /// <summary>Sends what is to be sent and follows the state of the engine; under the lock, after each call into it.</summary>
    private void Settle()
    {
        if (_connection is not { } connection)
            return;
        while (connection.TryTake(out Datagram datagram))
        {
            if (datagram.Route is TcpRoute || !IsLost(leaves: true))
                ((SocketRoute)datagram.Route).Send(datagram.Bytes);
        }
        if (connection.TryTakeHandshake(out var session))
            BeginHandshake(connection, session);
        if (connection.State == PeerState.Connected && !_isOpen)
        {
            _isOpen = true;
            _opened.TrySetResult();
        }
        if (connection.Reason is { } reason)
            Leave(reason);
    }

    private bool IsLost(bool leaves) => _options.Loses is { } loses && loses(leaves);

    // Apart from Settle, where the closure would cost an object for each packet.
    private void BeginHandshake(PeerConnection connection, DtlsSession session) =>
        new Thread(() => Handshake(connection, session), 512 * 1024) { IsBackground = true, Name = "DTLS handshake" }.Start();

    private void Handshake(PeerConnection connection, DtlsSession session)
    {
        try
        {
            var ended = session.Handshake(datagram =>
            {
                lock (_gate)
                {
                    connection.Relay(datagram);
                    Settle();
                }
            });
            lock (_gate)
            {
                connection.Handle(ended, _endpoint.Clock.Now);
                Settle();
            }
            Deliver();
        }
        catch (Exception fault)
        {
            // Nothing catches exceptions on this thread: one would end the process.
            Fail(fault);
        }
    }

    private void Leave(string reason)
    {
        if (_isOver)
            return;
        _isOver = true;
        foreach (var ufrag in _ufrags)
            _endpoint.Unregister(ufrag);
        foreach (var address in _addresses)
            _endpoint.Unbind(address, this);
        foreach (var connection in _connections)
            connection.Dispose();
        _endpoint.Left(this);
        _opened.TrySetException(new IOException(reason));
        _closed.TrySetResult(reason);
    }

    private void Forget(TcpRoute route)
    {
        _endpoint.Unbind(route);
        lock (_gate)
            _connections.Remove(route);
    }

    private void Register(string ufrag)
    {
        _ufrags.Add(ufrag);
        _endpoint.Register(ufrag, this);
        // The previous fragment stays registered, since the far side may still send checks with it.
        if (_ufrags.Count > 2)
        {
            _endpoint.Unregister(_ufrags[0]);
            _ufrags.RemoveAt(0);
        }
    }
}
