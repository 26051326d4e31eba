using System.Net;
using System.Net.Sockets;
using TrueLive.WebRtc.Ice;

namespace TrueLive.WebRtc.Transport;

/// <summary>
/// One UDP socket for all peers, the base of all host candidates (RFC 8445 section 5.1.1), read by a thread of its own, which also keeps
/// the time: between datagrams it ticks. Takes both address families when bound to any address.
/// </summary>
internal sealed class UdpPort : IDisposable
{
    // About 100 ms of 100 Mbit/s in the kernel while the thread waits for a core; more is dropped there.
    private const int KernelBuffer = 1 << 20;
    private const int MaxDatagram = 2048;

    private readonly Socket _socket;
    private readonly DatagramIn _received;
    private readonly Action _tick;
    private readonly TimeSpan _interval;
    private readonly TimeProvider _time;
    private readonly Thread _thread;
    private volatile bool _closed;

    /// <param name="address">Address to bind to; <see cref="IPAddress.IPv6Any"/> takes both families where the system has both.</param>
    /// <param name="port">Port; 0 takes a free one.</param>
    /// <param name="received">Called on the reading thread.</param>
    /// <param name="tick">Called on the reading thread about every <paramref name="interval"/>, however many datagrams come.</param>
    /// <param name="interval">Time between ticks.</param>
    /// <param name="time">Clock.</param>
    /// <exception cref="SocketException">The port is taken.</exception>
    public UdpPort(IPAddress address, int port, DatagramIn received, Action tick, TimeSpan interval, TimeProvider time)
    {
        (_received, _tick, _interval, _time) = (received, tick, interval, time);
        _socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            if (address.AddressFamily == AddressFamily.InterNetworkV6)
                _socket.DualMode = address.Equals(IPAddress.IPv6Any);
            (_socket.ReceiveBufferSize, _socket.SendBufferSize) = (KernelBuffer, KernelBuffer);
            _socket.Bind(new IPEndPoint(address, port));
        }
        catch (SocketException)
        {
            _socket.Dispose();
            throw;
        }
        Local = (IPEndPoint)_socket.LocalEndPoint!;
        _thread = new Thread(Read) { IsBackground = true, Name = "WebRTC receive", Priority = ThreadPriority.AboveNormal };
        _thread.Start();
    }

    public delegate void DatagramIn(Span<byte> datagram, SocketAddress from);

    public IPEndPoint Local { get; }

    /// <summary>Datagrams that the kernel did not take.</summary>
    public long Unsent { get; private set; }

    /// <summary>The way to an address.</summary>
    public SocketRoute RouteTo(IPEndPoint remote)
    {
        var family = _socket.AddressFamily;
        var target = family == AddressFamily.InterNetworkV6 && remote.AddressFamily == AddressFamily.InterNetwork
            ? new IPEndPoint(remote.Address.MapToIPv6(), remote.Port) : remote;
        return new Route(this, target.Serialize());
    }

    /// <summary>The route to the source of a datagram; <paramref name="from"/> is copied.</summary>
    public SocketRoute RouteTo(SocketAddress from)
    {
        var copy = new SocketAddress(from.Family, from.Size);
        from.Buffer.Span[..from.Size].CopyTo(copy.Buffer.Span);
        return new Route(this, copy);
    }

    /// <summary>The key under which datagrams of a route arrive.</summary>
    public static SocketAddress KeyOf(IceRoute route) => ((Route)route).Address;

    public void Dispose()
    {
        _closed = true;
        _socket.Dispose();
        if (Thread.CurrentThread != _thread)
            _thread.Join();
    }

    // A runtime timer would wake two more threads for each tick: its own and one of the pool.
    private void Read()
    {
        var buffer = GC.AllocateUninitializedArray<byte>(MaxDatagram, pinned: true);
        var from = new SocketAddress(_socket.AddressFamily);
        var ticked = _time.GetTimestamp();
        while (!_closed)
        {
            var left = _interval - _time.GetElapsedTime(ticked);
            if (left <= TimeSpan.Zero)
            {
                _tick();
                ticked = _time.GetTimestamp();
                left = _interval;
            }
            var length = 0;
            try
            {
                // The poll takes whole milliseconds: rounded down, the last millisecond would be a busy loop.
                if (_socket.Poll(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), SelectMode.SelectRead))
                    length = _socket.ReceiveFrom(buffer, SocketFlags.None, from);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // An ICMP error for an earlier datagram surfaces here (RFC 1122 section 4.1.3.3); only a closed socket ends the loop.
                continue;
            }
            if (length is > 0 and < MaxDatagram)
                _received(buffer.AsSpan(0, length), from);
        }
    }

    private void Send(ReadOnlySpan<byte> datagram, SocketAddress to)
    {
        try
        {
            _socket.SendTo(datagram, SocketFlags.None, to);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            Unsent++;
        }
    }

    private sealed class Route(UdpPort port, SocketAddress address) : SocketRoute
    {
        private IPEndPoint? _remote;

        public SocketAddress Address => address;

        public override IPEndPoint Remote => _remote ??= Plain((IPEndPoint)port.Local.Create(address));

        public override bool IsTcp => false;

        public override void Send(ReadOnlySpan<byte> datagram) => port.Send(datagram, address);

        private static IPEndPoint Plain(IPEndPoint e) => e.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(e.Address.MapToIPv4(), e.Port) : e;
    }
}
