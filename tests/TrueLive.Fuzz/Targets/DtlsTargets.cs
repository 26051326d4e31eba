using TrueLive.WebRtc.Dtls;

namespace TrueLive.Fuzz.Targets;

/// <summary>Datagrams into a DTLS session, before its handshake and after.</summary>
internal static class DtlsTargets
{
    private static readonly DtlsCertificate Ours = DtlsCertificate.Create(DateTimeOffset.UnixEpoch.AddYears(60));
    private static readonly DtlsCertificate Theirs = DtlsCertificate.Create(DateTimeOffset.UnixEpoch.AddYears(60));
    private static DtlsSession? s_open;

    /// <summary>Gives the datagrams to a new server and closes it; its thread must end.</summary>
    public static void Handshake(ReadOnlySpan<byte> input) => Handshake(client: false, input);

    /// <summary>The same for a new client: a hostile server may talk to the probe, or an offer may make us the active side.</summary>
    public static void ClientHandshake(ReadOnlySpan<byte> input) => Handshake(client: true, input);

    private static void Handshake(bool client, ReadOnlySpan<byte> input)
    {
        using var ended = new ManualResetEventSlim();
        var session = new DtlsSession(client, Ours, Theirs.Fingerprint, _ => { });
        new Thread(() =>
        {
            session.Handshake(_ => { });
            ended.Set();
        })
        { IsBackground = true }.Start();
        foreach (var packet in FuzzTarget.Packets(input))
        {
            session.Receive(packet, _ => { });
        }

        // The thread handles the waiting datagrams, then finds the queue closed.
        for (var i = 0; i < 50 && session.Waiting > 0 && !ended.IsSet; i++)
        {
            Thread.Yield();
        }

        session.Close();
        if (!ended.Wait(TimeSpan.FromMinutes(2)))
        {
            throw new TimeoutException("the handshake did not end when its session was closed");
        }
    }

    /// <summary>Gives the datagrams to an open session, which must stay open, since none of them is authentic.</summary>
    public static void Record(ReadOnlySpan<byte> input)
    {
        var session = s_open ??= Open();
        foreach (var packet in FuzzTarget.Packets(input))
        {
            if (!session.Receive(packet, _ => throw new InvalidOperationException("a forged record was taken for data")))
            {
                throw new InvalidOperationException("a forged record closed the session", session.Error);
            }
        }
    }

    private static DtlsSession Open()
    {
        DtlsSession? client = null;
        DtlsSession? server = null;
        client = new DtlsSession(true, Theirs, Ours.Fingerprint, d => server!.Receive(d, _ => { }));
        server = new DtlsSession(false, Ours, Theirs.Fingerprint, d => client.Receive(d, _ => { }));
        var connecting = new Thread(() => client.Handshake(d => server.Receive(d, _ => { }))) { IsBackground = true };
        connecting.Start();
        var result = server.Handshake(d => client.Receive(d, _ => { }));
        connecting.Join(TimeSpan.FromMinutes(2));
        server.Open(result.Transport ?? throw new InvalidOperationException("the handshake failed"));
        return server;
    }
}
