using System.Net;
using System.Net.Sockets;

namespace TrueLive.WebRtc.Transport;

/// <summary>
/// Listens for TCP connections of peers whose network blocks UDP (passive candidates, RFC 6544 section 4.5). A connection that shows no
/// known credentials within <see cref="StrangerTime"/> is closed, and at most <see cref="MaxStrangers"/> such connections are held.
/// </summary>
internal sealed class TcpPort : IDisposable
{
    public const int MaxStrangers = 64;

    public static readonly TimeSpan StrangerTime = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan RetryTime = TimeSpan.FromMilliseconds(100);

    private readonly Socket _listener;
    private readonly TcpRoute.DatagramIn _received;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Action _full;
    private int _strangers;
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
                // Whoever came has gone before being let in.
            }
            catch (Exception)
            {
                // No more sockets, or whatever else: the port stays open for when it is over, and the loop must not turn as fast as it can.
                await Task.Delay(RetryTime, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Take(Socket socket, CancellationToken stop)
    {
        if (Interlocked.Increment(ref _strangers) > MaxStrangers)
        {
            Interlocked.Decrement(ref _strangers);
            Refused++;
            socket.Dispose();
            return;
        }
        TcpRoute route;
        try
        {
            route = new TcpRoute(socket, (IPEndPoint)socket.RemoteEndPoint!) { Full = _full };
        }
        catch (SocketException)
        {
            // It was reset since: it has no far end any more.
            Interlocked.Decrement(ref _strangers);
            socket.Dispose();
            return;
        }
        _ = ServeAsync(route, stop);
    }

    private async Task ServeAsync(TcpRoute route, CancellationToken stop)
    {
        var counted = 1;
        using var limit = _time.CreateTimer(
            _ =>
            {
                if (Interlocked.Exchange(ref counted, 0) == 1)
                    Interlocked.Decrement(ref _strangers);
                if (route.Owner is null)
                    route.Dispose();
            }, null, StrangerTime, Timeout.InfiniteTimeSpan);
        await route.RunAsync(_received, stop).ConfigureAwait(false);
        if (Interlocked.Exchange(ref counted, 0) == 1)
            Interlocked.Decrement(ref _strangers);
        route.Owner?.Forget(route);
    }
}
