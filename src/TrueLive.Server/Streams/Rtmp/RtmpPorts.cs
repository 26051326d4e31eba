using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;

namespace TrueLive.Server.Streams.Rtmp;

/// <summary>Told of each publisher that is turned away.</summary>
/// <param name="from">Its address.</param>
/// <param name="port">Port of ours.</param>
/// <param name="why">Why, without a key.</param>
internal delegate void PublisherRefused(IPAddress from, int port, string why);

/// <summary>
/// The ports on which streams wait for publishers: each is open while a stream waits on it, and shared by all that do. Thread-safe.
/// </summary>
internal sealed class RtmpPorts(TimeProvider time, PublisherRefused refused)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<IPEndPoint, RtmpPort> _ports = [];

    /// <summary>Waits for the publisher of an application and key until the place is disposed.</summary>
    /// <exception cref="RtmpException">Another stream waits for the same, or the port is taken by another program.</exception>
    public RtmpPlace Open(IPEndPoint at, string application, string key)
    {
        lock (_gate)
        {
            if (!_ports.TryGetValue(at, out var port))
            {
                try
                {
                    port = _ports[at] = new RtmpPort(at, time, refused);
                }
                catch (SocketException error)
                {
                    throw new RtmpException($"Port {at.Port} cannot be listened on: {error.Message}.");
                }
            }
            return port.Add(application, key, Closed);
        }

        void Closed()
        {
            lock (_gate)
            {
                if (_ports.TryGetValue(at, out var port) && port.IsIdle && _ports.Remove(at))
                    port.Dispose();
            }
        }
    }
}

/// <summary>Where one stream takes publishers, one at a time. Thread-safe.</summary>
internal sealed class RtmpPlace(string application, string key, Action<RtmpPlace> closed) : IAsyncDisposable
{
    private readonly byte[] _key = Encoding.UTF8.GetBytes(key);
    private readonly Lock _gate = new();
    private readonly Channel<RtmpPublisher> _next = Channel.CreateBounded<RtmpPublisher>(1);
    private RtmpPublisher? _current;

    /// <summary>Whether a publisher asks for this place; takes as long for a wrong key as for the right one.</summary>
    public bool Is(string otherApplication, string otherKey) =>
        CryptographicOperations.FixedTimeEquals(_key, Encoding.UTF8.GetBytes(otherKey)) & application == otherApplication;

    /// <summary>Takes a publisher. False when there is one, or nobody waits any more.</summary>
    public bool Offer(RtmpPublisher publisher)
    {
        lock (_gate)
        {
            if (_current is not null)
                return false;
            // Before it is handed over: whoever takes it may be done with it at once.
            _current = publisher;
            publisher.Left = () =>
            {
                lock (_gate)
                    _current = null;
            };
            if (_next.Writer.TryWrite(publisher))
                return true;
            _current = null;
            return false;
        }
    }

    /// <summary>The next publisher; the caller disposes it, which makes room for another.</summary>
    public ValueTask<RtmpPublisher> NextAsync(CancellationToken cancel) => _next.Reader.ReadAsync(cancel);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        closed(this);
        _next.Writer.TryComplete();
        while (_next.Reader.TryRead(out var waiting))
            await waiting.DisposeAsync().ConfigureAwait(false);
    }
}
