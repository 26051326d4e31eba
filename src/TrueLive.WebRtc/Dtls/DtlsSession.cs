using Org.BouncyCastle.Tls;
using TrueLive.WebRtc.Srtp;

namespace TrueLive.WebRtc.Dtls;

/// <summary>
/// DTLS 1.2 with one peer (RFC 6347, RFC 5764). The library's handshake blocks: the owner lends it a thread for at most 10 s. After that
/// <see cref="Receive"/> and <see cref="Send"/> run on the caller's thread, one at a time.
/// </summary>
internal sealed class DtlsSession
{
    private static readonly DtlsCrypto Crypto = new();
    private readonly DatagramQueue _queue;
    private readonly DatagramOut _output;
    private readonly bool _client;
    private readonly DtlsCertificate _certificate;
    private readonly string _remoteFingerprint;
    private readonly byte[] _plain = new byte[DatagramQueue.MaxDatagram];
    private DtlsTransport? _transport;

    /// <param name="client">This side begins the handshake.</param>
    /// <param name="certificate">Of this side.</param>
    /// <param name="remoteFingerprint">Which certificate the far side must show.</param>
    /// <param name="output">Takes datagrams of the open session.</param>
    public DtlsSession(bool client, DtlsCertificate certificate, string remoteFingerprint, DatagramOut output)
    {
        _client = client;
        _certificate = certificate;
        _remoteFingerprint = remoteFingerprint;
        _output = output;
        _queue = new DatagramQueue(output, fromClient: !client);
    }

    /// <summary>Gives decrypted application data; borrowed, valid during the call.</summary>
    public delegate void ApplicationDataIn(ReadOnlySpan<byte> data);

    public bool IsOpen => _transport is not null;

    public long Dropped => _queue.Dropped;

    /// <summary>The fault that ended an open session; null while there is none.</summary>
    public IOException? Error { get; private set; }

    /// <summary>Datagrams that the handshake has not taken yet.</summary>
    public int Waiting => _queue.Count;

    /// <summary>Runs the handshake on the calling thread, which waits for the far side; ends early when the session is closed.</summary>
    /// <param name="during">Takes the handshake's datagrams on that thread, before the session's output takes those that follow.</param>
    public HandshakeResult Handshake(DatagramOut during)
    {
        _queue.Output = during;
        try
        {
            if (_client)
            {
                var client = new DtlsClient(Crypto, _certificate, _remoteFingerprint);
                return new HandshakeResult(new DtlsClientProtocol().Connect(client, _queue), client.Keys, null);
            }
            var server = new DtlsServer(Crypto, _certificate, _remoteFingerprint);
            return new HandshakeResult(new DtlsServerProtocol().Accept(server, _queue), server.Keys, null);
        }
        catch (Exception e)
        {
            // The library does not document what a hostile handshake makes it throw, and an unhandled exception on a thread ends the
            // process.
            return new HandshakeResult(null, null, e as IOException ?? new IOException(e.Message, e));
        }
    }

    /// <summary>
    /// Takes over the finished handshake; the caller then drains datagrams that arrived meanwhile with <see cref="Receive"/>.
    /// </summary>
    public void Open(DtlsTransport transport)
    {
        _queue.Output = _output;
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
                for (var length = transport.Receive(_plain, 0, _plain.Length, 1); length
                    > 0; length = transport.ReceivePending(_plain, 0, _plain.Length))
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
            // What the record layer throws after it took a close_notify is the end of the queue, not a fault.
            Error = e is TlsFatalAlert { AlertDescription: AlertDescription.user_canceled } && _queue.IsClosed ? null : e;
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
}

/// <summary>How a handshake ended: with a session and its keys (null when use_srtp was not agreed), or with the error.</summary>
internal sealed record HandshakeResult(DtlsTransport? Transport, SrtpKeys? Keys, IOException? Error);
