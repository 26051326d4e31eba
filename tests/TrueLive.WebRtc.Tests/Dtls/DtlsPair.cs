using System.Collections.Concurrent;
using Org.BouncyCastle.Tls;
using TrueLive.WebRtc.Dtls;
using TrueLive.WebRtc.Srtp;

namespace TrueLive.WebRtc.Tests.Dtls;

/// <summary>One side of a session: its handshake, and what it received.</summary>
internal sealed class DtlsSide(bool client, DtlsCertificate own, string remoteFingerprint, DatagramOut output)
{
    private readonly Lock _gate = new();
    private readonly ManualResetEventSlim _ended = new();
    private DtlsTransport? _transport;

    public DtlsSession Session { get; } = new(client, own, remoteFingerprint, output);
    public SrtpKeys? Keys { get; private set; }
    public IOException? Error { get; private set; }
    public ConcurrentQueue<byte[]> Data { get; } = [];
    public bool Open { get; private set; } = true;

    public void Start() => new Thread(() =>
    {
        var result = Session.Handshake(output);
        (Keys, Error, _transport) = (result.Keys, result.Error, result.Transport);
        _ended.Set();
    })
    { IsBackground = true }.Start();

    public void Receive(ReadOnlySpan<byte> datagram)
    {
        lock (_gate)
        {
            Open &= Session.Receive(datagram, data => Data.Enqueue(data.ToArray()));
        }
    }

    /// <summary>True if the handshake produced a transport, which is then in use.</summary>
    public bool WaitForEnd()
    {
        Assert.True(_ended.Wait(TimeSpan.FromMinutes(5), TestContext.Current.CancellationToken), "the handshake did not end");
        if (_transport is null)
        {
            return false;
        }

        lock (_gate)
        {
            Session.Open(_transport);
        }

        Receive(default);
        return true;
    }
}

/// <summary>A client and a server connected in memory; <see cref="Lose"/> says which handshake datagrams are lost.</summary>
internal sealed class DtlsPair : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    [ThreadStatic]
    private static Queue<(DtlsSide To, byte[] Datagram)>? t_carried;
    private int _number;

    public DtlsPair(string? clientExpects = null, string? serverExpects = null)
    {
        var (alice, bob) = (DtlsCertificate.Create(Now), DtlsCertificate.Create(Now));
        Client = new DtlsSide(true, alice, clientExpects ?? bob.Fingerprint, d => Carry(d, () => Server!));
        Server = new DtlsSide(false, bob, serverExpects ?? alice.Fingerprint, d => Carry(d, () => Client));
    }

    public DtlsSide Client { get; }
    public DtlsSide Server { get; }
    public Func<int, bool> Lose { get; set; } = _ => false;
    public ConcurrentQueue<byte[]> Wire { get; } = [];

    public DtlsPair Start()
    {
        Server.Start();
        Client.Start();
        return this;
    }

    public void Dispose()
    {
        Client.Session.Close();
        Server.Session.Close();
    }

    private void Carry(ReadOnlySpan<byte> datagram, Func<DtlsSide> to)
    {
        Wire.Enqueue(datagram.ToArray());
        if (Lose(Interlocked.Increment(ref _number)))
        {
            return;
        }

        // An answer waits until the call that caused it has returned, as on a network.
        var outermost = t_carried is null;
        (t_carried ??= []).Enqueue((to(), datagram.ToArray()));
        while (outermost && t_carried.TryDequeue(out var next))
        {
            next.To.Receive(next.Datagram);
        }

        t_carried = outermost ? null : t_carried;
    }
}
