using System.Net;
using System.Net.Sockets;

namespace TrueLive.Server.Streams.Rtmp;

/// <summary>
/// One port for the publishers of many streams. Whoever has not published within <see cref="StrangerTime"/> is turned away; at most
/// <see cref="MaxStrangers"/> are heard at a time, of one address <see cref="MaxStrangersOfOne"/>, and a refused one keeps its place for
/// <see cref="RefusedTime"/>, so that keys cannot be guessed quickly. Thread-safe.
/// </summary>
internal sealed class RtmpPort : IDisposable
{
    public const int MaxStrangers = 64;

    public const int MaxStrangersOfOne = 8;

    public static readonly TimeSpan StrangerTime = TimeSpan.FromSeconds(10);

    public static readonly TimeSpan RefusedTime = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan RetryTime = TimeSpan.FromMilliseconds(100);

    private readonly TcpListener _listener;
    private readonly TimeProvider _time;
    private readonly PublisherRefused _refused;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<RtmpPlace> _places = [];
    private readonly Dictionary<IPAddress, int> _strangers = [];
    private readonly int _port;

    /// <exception cref="SocketException">The port is taken.</exception>
    public RtmpPort(IPEndPoint at, TimeProvider time, PublisherRefused refused)
    {
        (_time, _refused, _port) = (time, refused, at.Port);
        _listener = new TcpListener(at);
        if (at.Address.Equals(IPAddress.IPv6Any))
            _listener.Server.DualMode = true;
        _listener.Start(32);
        _ = AcceptAsync(_stop.Token);
    }

    /// <summary>No stream waits on it.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate)
                return _places.Count == 0;
        }
    }

    /// <summary>Waits for the publisher of an application and key.</summary>
    /// <param name="application">The application.</param>
    /// <param name="key">The stream key.</param>
    /// <param name="closed">Called when the place has been disposed.</param>
    /// <exception cref="RtmpException">Another stream waits for it.</exception>
    public RtmpPlace Add(string application, string key, Action closed)
    {
        lock (_gate)
        {
            if (_places.Exists(p => p.Is(application, key)))
                throw new RtmpException("Another stream waits for this stream key; take another key, or end that stream.");
            var place = new RtmpPlace(application, key, gone =>
            {
                lock (_gate)
                    _places.Remove(gone);
                closed();
            });
            _places.Add(place);
            return place;
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var socket = await _listener.AcceptSocketAsync(stop).ConfigureAwait(false);
                var from = ((IPEndPoint)socket.RemoteEndPoint!).Address;
                if (Enter(from))
                    _ = ServeAsync(socket, from, stop);
                else
                    socket.Dispose();
            }
            catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // A client that left before it was let in, or no handles for now: the port stays open, and the loop must not spin.
                await Task.Delay(RetryTime, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task ServeAsync(Socket socket, IPAddress from, CancellationToken stop)
    {
        RtmpPublisher? publisher = null;
        var accepted = false;
        try
        {
            publisher = new RtmpPublisher(new RtmpConnection(new NetworkStream(socket, ownsSocket: true)));
            using var late = new CancellationTokenSource(StrangerTime, _time);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop, late.Token);
            var (application, key) = await publisher.AskAsync(limit.Token).ConfigureAwait(false);
            var place = Find(application, key);
            accepted = place?.Offer(publisher) == true;
            if (accepted)
                return;
            var words = place is null ? "No stream waits for this application and stream key." : "This stream key is being published.";
            _refused(from, _port, words);
            await publisher.RefuseAsync("NetStream.Publish.BadName", words, limit.Token).ConfigureAwait(false);
            await Task.Delay(RefusedTime, _time, stop).ConfigureAwait(false);
        }
        catch (IOException error)
        {
            _refused(from, _port, error.Message);
        }
        catch (OperationCanceledException)
        {
            if (!stop.IsCancellationRequested)
                _refused(from, _port, "It did not publish in time.");
        }
        finally
        {
            if (!accepted && publisher is not null)
                await publisher.DisposeAsync().ConfigureAwait(false);
            Leave(from);
        }
    }

    private RtmpPlace? Find(string application, string key)
    {
        lock (_gate)
            return _places.Find(p => p.Is(application, key));
    }

    private bool Enter(IPAddress from)
    {
        lock (_strangers)
        {
            var own = _strangers.GetValueOrDefault(from);
            if (own >= MaxStrangersOfOne || _strangers.Values.Sum() >= MaxStrangers)
                return false;
            _strangers[from] = own + 1;
            return true;
        }
    }

    private void Leave(IPAddress from)
    {
        lock (_strangers)
        {
            if (--_strangers[from] == 0)
                _strangers.Remove(from);
        }
    }
}
