using Org.BouncyCastle.Tls;

namespace TrueLive.WebRtc.Dtls;

/// <summary>
/// Stands between a blocking DTLS record layer and datagrams that arrive one by one. Holds at most <see cref="Capacity"/> datagrams;
/// the newest is refused when full, since DTLS retransmits lost messages (RFC 6347 sections 4.1.1 and 4.2.4). Thread-safe.
/// </summary>
internal sealed class DatagramQueue(DatagramOut output, bool fromClient = false) : DatagramTransport
{
    public const int Capacity = 32;
    public const int MaxDatagram = 2048;
    private readonly Queue<byte[]> _queue = new(Capacity);
    private static readonly TlsTimeoutException Empty = new();
    private readonly RecordGate _gate = new();
    private bool _blocking = true;
    private bool _closed;

    /// <summary>Datagrams that found the queue full or were too long.</summary>
    public long Dropped { get; private set; }

    /// <summary>Takes what the record layer sends.</summary>
    public DatagramOut Output { get; set; } = output;

    /// <summary>Takes one datagram from the network.</summary>
    public void Add(ReadOnlySpan<byte> datagram)
    {
        lock (_queue)
        {
            if (_queue.Count >= Capacity || datagram.Length > MaxDatagram || _closed)
            {
                Dropped++;
                return;
            }

            var admitted = _gate.Admit(datagram, clientFlight: fromClient && _blocking);
            if (admitted > 0)
            {
                _queue.Enqueue(datagram[..admitted].ToArray());
                Monitor.Pulse(_queue);
            }
        }
    }

    /// <summary>From now on an empty queue ends a receive at once instead of waiting.</summary>
    public void StopBlocking()
    {
        lock (_queue)
            _blocking = false;
    }

    public bool IsEmpty => Count == 0;

    /// <summary>Closed, by the owner or by the record layer that took a close_notify.</summary>
    public bool IsClosed
    {
        get
        {
            lock (_queue)
                return _closed;
        }
    }

    /// <summary>How many copies of each datagram are sent; the far side's replay window accepts the first to arrive.</summary>
    public int RepeatSent { get; set; } = 1;

    /// <summary>Datagrams that wait to be received.</summary>
    public int Count
    {
        get
        {
            lock (_queue)
                return _queue.Count;
        }
    }

    /// <summary>
    /// The buffer size that the record layer allocates for each datagram: once open, the size of the one that is waiting.
    /// </summary>
    public int GetReceiveLimit()
    {
        lock (_queue)
            return !_blocking && _queue.TryPeek(out var next) ? next.Length : MaxDatagram;
    }

    // Fits the smallest path that carries WebRTC in practice: 1280 octets less IPv6 and UDP headers.
    public int GetSendLimit() => 1232;

    public int Receive(byte[] buf, int off, int len, int waitMillis) => Receive(buf.AsSpan(off, len), waitMillis);

    public int Receive(Span<byte> buffer, int waitMillis)
    {
        lock (_queue)
        {
            if (_queue.Count == 0 && _blocking && !_closed)
                Monitor.Wait(_queue, waitMillis);

            if (_closed)
                throw new TlsFatalAlert(AlertDescription.user_canceled, "the peer was closed");

            if (_queue.TryDequeue(out var datagram))
            {
                var length = Math.Min(datagram.Length, buffer.Length);
                datagram.AsSpan(0, length).CopyTo(buffer);
                return length;
            }

            // Otherwise the record layer would spin until its timeout.
            return _blocking ? -1 : throw Empty;
        }
    }

    public void Send(byte[] buf, int off, int len) => Send(buf.AsSpan(off, len));

    public void Send(ReadOnlySpan<byte> buffer)
    {
        for (var i = 0; i < RepeatSent; i++)
            Output(buffer);
    }

    public void Close()
    {
        lock (_queue)
        {
            _closed = true;
            Monitor.PulseAll(_queue);
        }
    }
}
