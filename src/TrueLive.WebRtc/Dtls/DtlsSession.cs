using Org.BouncyCastle.Tls;
using TrueLive.WebRtc.Srtp;

namespace TrueLive.WebRtc.Dtls;

/// <summary>
/// DTLS 1.2 with one peer (RFC 6347, RFC 5764). The handshake blocks a thread of its own for at most 10 s; after that the session has
/// no thread: <see cref="Receive"/> and <see cref="Send"/> run on the caller's, one at a time.
/// </summary>
internal sealed class DtlsSession
{
    private static readonly DtlsCrypto Crypto = new();
    private readonly DatagramQueue _queue;
    private readonly bool _client;
    private readonly DtlsCertificate _certificate;
    private readonly string _remoteFingerprint;
    private readonly byte[] _plain = new byte[DatagramQueue.MaxDatagram];
    private DtlsTransport? _transport;
    private bool _started;

    public DtlsSession(bool client, DtlsCertificate certificate, string remoteFingerprint, DatagramOut output)
    {
        _client = client;
        _certificate = certificate;
        _remoteFingerprint = remoteFingerprint;
        _queue = new DatagramQueue(output, fromClient: !client);
    }

    /// <summary>Gives decrypted application data; borrowed, valid during the call.</summary>
    public delegate void ApplicationDataIn(ReadOnlySpan<byte> data);

    /// <summary>How a handshake ended: the keys (null when use_srtp was not agreed) or the error.</summary>
    public delegate void HandshakeEnded(DtlsTransport? transport, SrtpKeys? keys, IOException? error);

    public bool IsStarted => _started;

    public bool IsOpen => _transport is not null;

    public long Dropped => _queue.Dropped;

    /// <summary>The fault that ended an open session; null while there is none.</summary>
    public IOException? Error { get; private set; }

    /// <summary>Datagrams that the handshake has not taken yet.</summary>
    public int Waiting => _queue.Count;

    /// <summary>
    /// Runs the handshake on its own thread, which calls <paramref name="ended"/> exactly once; <paramref name="ended"/> must not throw.
    /// </summary>
    public void Start(HandshakeEnded ended)
    {
        _started = true;
        new Thread(() => Handshake(ended), 512 * 1024) { IsBackground = true, Name = "DTLS handshake" }.Start();
    }

    /// <summary>
    /// Takes over the finished handshake; the caller then drains datagrams that arrived meanwhile with <see cref="Receive"/>.
    /// </summary>
    public void Open(DtlsTransport transport)
    {
        _transport = transport;
        _queue.StopBlocking();
    }

    /// <summary>Takes one datagram (empty: none, just drain). False when the far side closed the session or broke it.</summary>
    public bool Receive(ReadOnlySpan<byte> datagram, ApplicationDataIn received)
    {
        if (!datagram.IsEmpty)
            _queue.Add(datagram);

        if (_transport is not { } transport)
            return true;

        try
        {
            while (!_queue.IsEmpty)
            {
                // Never waited for: the call ends when the queue is empty.
                for (var length = transport.Receive(_plain, 0, _plain.Length, 1); length > 0; length = transport.ReceivePending(_plain, 0, _plain.Length))
                    received(_plain.AsSpan(0, length));
            }

            // A close_notify that is the last record in the queue throws nothing: the record layer closes its input instead.
            return !_queue.IsClosed;
        }
        catch (TlsTimeoutException)
        {
            return !_queue.IsClosed;
        }
        catch (IOException e)
        {
            Error = e;
            return false;
        }
    }

    /// <summary>Sends application data; false when it is too long for one record or the session is not open.</summary>
    public bool Send(ReadOnlySpan<byte> data)
    {
        try
        {
            if (_transport is not { } transport || data.Length > transport.GetSendLimit())
                return false;

            transport.Send(data);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>
    /// Sends close_notify when open, three times, since nothing acknowledges it and a path loses datagrams; ends a running handshake.
    /// </summary>
    public void Close()
    {
        try
        {
            _queue.RepeatSent = _transport is null ? 1 : 3;
            _transport?.Close();
        }
        catch (IOException)
        {
            // The far side is gone: there is nobody to send close_notify to.
        }

        _transport = null;
        _queue.Close();
    }

    private void Handshake(HandshakeEnded ended)
    {
        DtlsTransport? transport = null;
        SrtpKeys? keys = null;
        IOException? error = null;
        try
        {
            if (_client)
            {
                var client = new DtlsClient(Crypto, _certificate, _remoteFingerprint);
                transport = new DtlsClientProtocol().Connect(client, _queue);
                keys = client.Keys;
            }
            else
            {
                var server = new DtlsServer(Crypto, _certificate, _remoteFingerprint);
                transport = new DtlsServerProtocol().Accept(server, _queue);
                keys = server.Keys;
            }
        }
        catch (Exception e)
        {
            // The library does not document what a hostile handshake makes it throw, and an unhandled exception on a thread ends the
            // process.
            (transport, keys, error) = (null, null, e as IOException ?? new IOException(e.Message, e));
        }

        ended(transport, keys, error);
    }
}
