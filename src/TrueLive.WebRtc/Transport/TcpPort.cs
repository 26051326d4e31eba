using System.Net;
using System.Net.Sockets;

namespace TrueLive.WebRtc.Transport;

/// <summary>
/// Listens for TCP connections of peers whose network blocks UDP (passive candidates, RFC 6544 section 4.5). A connection that shows no
/// known credentials within <see cref="StrangerTime"/> is closed, and at most <see cref="MaxStrangers"/> such connections are held, of one
/// address
/// at most <see cref="MaxStrangersOfOne"/>.
/// </summary>
internal sealed class TcpPort : IDisposable
{
    public const int MaxStrangers = 256;

    public const int MaxStrangersOfOne = 16;

    public static readonly TimeSpan StrangerTime = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan RetryTime = TimeSpan.FromMilliseconds(100);

    private readonly Socket _listener;
    private readonly TcpRoute.DatagramIn _received;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Action _full;
    private readonly Dictionary<IPAddress, int> _strangers = [];
    private int _strangerCount;
    private long _dropped;

    /// <exception cref="SocketException">The port is taken.</exception>
    public TcpPort(IPAddress address, int port, TcpRoute.DatagramIn received, TimeProvider time)
    {
        (_received, _time, _full) = (received, time, () => Interlocked.Increment(ref _dropped));
        _listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.AddressFamily == AddressFamily.InterNetworkV6)
                _listener.DualMode = address.Equals(IPAddress.IPv6Any);
            _listener.Bind(new IPEndPoint(address, port));
            _listener.Listen(32);
        }
        catch (SocketException)
        {
            _listener.Dispose();
            throw;
        }
        _ = AcceptAsync();
    }

    /// <summary>Connections that were closed because too many strangers were connected.</summary>
    public long Refused { get; private set; }

    /// <summary>Datagrams that found the queue of their connection full.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var stop = _stop.Token;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Take(await _listener.AcceptAsync(stop).ConfigureAwait(false), stop);
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
            {
                // The client disconnected before it was accepted.
            }
            catch (Exception)
            {
                // Out of sockets, for example: the port stays open until there are some again, and the loop must not spin meanwhile.
                await Task.Delay(RetryTime, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Take(Socket socket, CancellationToken stop)
    {
        TcpRoute route;
        try
        {
            route = new TcpRoute(socket, (IPEndPoint)socket.RemoteEndPoint!) { Full = _full };
        }
        catch (SocketException)
        {
            // It was reset in the meantime and has no remote address.
            socket.Dispose();
            return;
        }
        if (Enter(route.Remote.Address))
        {
            _ = ServeAsync(route, stop);
            return;
        }
        Refused++;
        route.Dispose();
    }

    private bool Enter(IPAddress address)
    {
        lock (_strangers)
        {
            var own = _strangers.GetValueOrDefault(address);
            if (own >= MaxStrangersOfOne || _strangerCount >= MaxStrangers)
                return false;
            _strangers[address] = own + 1;
            _strangerCount++;
            return true;
        }
    }

    private void Leave(IPAddress address)
    {
        lock (_strangers)
        {
            _strangerCount--;
            if (--_strangers[address] == 0)
                _strangers.Remove(address);
        }
    }

    private async Task ServeAsync(TcpRoute route, CancellationToken stop)
    {
        var counted = 1;
        using var limit = _time.CreateTimer(
            _ =>
            {
                NoLongerStrange();
                if (route.Ended is null)
                    route.Dispose();
            }, null, StrangerTime, Timeout.InfiniteTimeSpan);
        await route.RunAsync(_received, stop).ConfigureAwait(false);
        NoLongerStrange();

        void NoLongerStrange()
        {
            if (Interlocked.Exchange(ref counted, 0) == 1)
                Leave(route.Remote.Address);
        }
    }
}
