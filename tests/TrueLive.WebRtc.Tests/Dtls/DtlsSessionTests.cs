using TrueLive.WebRtc.Dtls;
using TrueLive.WebRtc.Srtp;

namespace TrueLive.WebRtc.Tests.Dtls;

public class DtlsSessionTests
{
    [Fact]
    public void Both_sides_end_with_the_same_srtp_keys_and_gcm_is_chosen()
    {
        using var pair = new DtlsPair().Start();
        Assert.True(pair.Client.WaitForEnd());
        Assert.True(pair.Server.WaitForEnd());

        var (client, server) = (pair.Client.Keys!, pair.Server.Keys!);
        Assert.Equal(SrtpProfile.AeadAes128Gcm, client.Profile);
        Assert.Equal(client.LocalKey, server.RemoteKey);
        Assert.Equal(client.LocalSalt, server.RemoteSalt);
        Assert.Equal(client.RemoteKey, server.LocalKey);
        Assert.Equal(client.RemoteSalt, server.LocalSalt);
        Assert.NotEqual(client.LocalKey, client.RemoteKey);
        Assert.All(pair.Wire, d => Assert.InRange(d.Length, 1, 1232));
    }

    [Fact]
    public void Data_goes_both_ways_and_a_close_is_seen()
    {
        using var pair = new DtlsPair().Start();
        Assert.True(pair.Client.WaitForEnd());
        Assert.True(pair.Server.WaitForEnd());

        for (byte i = 0; i < 50; i++)
        {
            Assert.True(pair.Client.Session.Send([i, 1]));
            Assert.True(pair.Server.Session.Send([i, 2]));
        }

        Assert.Equal(Enumerable.Range(0, 50).Select(i => new byte[] { (byte)i, 1 }), pair.Server.Data);
        Assert.Equal(Enumerable.Range(0, 50).Select(i => new byte[] { (byte)i, 2 }), pair.Client.Data);
        Assert.False(pair.Client.Session.Send(new byte[2000]));

        pair.Client.Session.Close();
        Assert.False(pair.Server.Open);
        Assert.False(pair.Client.Session.Send([1]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_close_is_seen_by_the_side_that_got_any_one_of_its_datagrams(int kept)
    {
        using var pair = new DtlsPair().Start();
        Assert.True(pair.Client.WaitForEnd());
        Assert.True(pair.Server.WaitForEnd());
        var sent = 0;
        pair.Lose = _ => sent++ != kept;
        pair.Client.Session.Close();
        Assert.False(pair.Server.Open);
    }

    [Fact]
    public void A_record_leaves_little_garbage()
    {
        using var pair = new DtlsPair().Start();
        Assert.True(pair.Client.WaitForEnd());
        Assert.True(pair.Server.WaitForEnd());
        var data = new byte[300];
        pair.Client.Session.Send(data);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            pair.Client.Session.Send(data);
        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / 100;

        // The test itself makes four copies; BouncyCastle's record layer with its own cipher allocates 10 KB.
        Assert.InRange(each, 1, 3000);
    }

    [Fact]
    public void Replayed_and_damaged_records_bring_nothing_and_do_no_harm()
    {
        using var pair = new DtlsPair().Start();
        Assert.True(pair.Client.WaitForEnd());
        Assert.True(pair.Server.WaitForEnd());
        pair.Wire.Clear();
        pair.Client.Session.Send("once"u8);

        var record = Assert.Single(pair.Wire);
        pair.Server.Receive(record);
        for (var i = 0; i < record.Length; i++)
        {
            var damaged = record.ToArray();
            damaged[i] ^= 0x10;
            pair.Server.Receive(damaged);
        }

        pair.Client.Session.Send("twice"u8);
        Assert.Equal(["once"u8.ToArray(), "twice"u8.ToArray()], pair.Server.Data);
    }

    [Theory]
    [InlineData("17FEFD00010000000000090000")]
    [InlineData("16FEFD000100000000000900170000000000000000000000000000000000000000000000")]
    [InlineData("15FEFD000000000000000900020228")]
    [InlineData("15FEFE000000000100000100020228")]
    [InlineData("17030300010000000000090019000000000000000000000000000000000000000000000000")]
    [InlineData("14FEFD000000000000000900010100")]
    public void A_forged_record_does_not_end_the_session(string record)
    {
        using var pair = new DtlsPair().Start();
        Assert.True(pair.Client.WaitForEnd());
        Assert.True(pair.Server.WaitForEnd());

        pair.Server.Receive(Convert.FromHexString(record));
        pair.Client.Receive(Convert.FromHexString(record));

        Assert.True(pair.Server.Open && pair.Client.Open);
        Assert.True(pair.Client.Session.Send("still here"u8));
        Assert.Equal("still here"u8, Assert.Single(pair.Server.Data));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_certificate_that_signalling_did_not_promise_is_refused(bool byTheClient)
    {
        var other = DtlsCertificate.Create(DateTimeOffset.UnixEpoch).Fingerprint;
        using var pair = (byTheClient ? new DtlsPair(clientExpects: other) : new DtlsPair(serverExpects: other)).Start();

        Assert.False((byTheClient ? pair.Client : pair.Server).WaitForEnd());
        Assert.Contains("fingerprint", (byTheClient ? pair.Client : pair.Server).Error!.Message);
        Assert.Null(pair.Client.Keys);
        Assert.Null(pair.Server.Keys);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Lost_handshake_datagrams_are_repaired()
    {
        // Each of the thirteen datagrams is lost once, each in a handshake of its own; the last handshake loses every third.
        var pairs = Enumerable.Range(1, 14).Select(lost =>
            new DtlsPair { Lose = lost == 14 ? n => n < 30 && n % 3 == 0 : n => n == lost }.Start()).ToList();
        foreach (var pair in pairs)
        {
            await Task.WhenAll(Task.Run(() => Assert.True(pair.Client.WaitForEnd(), "client" + Story(pair))),
                Task.Run(() => Assert.True(pair.Server.WaitForEnd(), "server" + Story(pair))));
            Assert.Equal(pair.Client.Keys!.LocalKey, pair.Server.Keys!.RemoteKey);
            pair.Client.Session.Send("after"u8);
            Assert.Equal("after"u8, pair.Server.Data.Last());
            pair.Dispose();
        }
    }

    private static string Story(DtlsPair pair) =>
        $" {pair.Client.Error?.Message} {pair.Server.Error?.Message}: " +
            $"{string.Join(' ', pair.Wire.Select(w => $"{w[0]}.{w[4]}.{w[10]}:{w[13]}"))}";

    [Fact]
    public void A_closed_session_ends_its_handshake_at_once()
    {
        var silent = new DtlsSide(false, DtlsCertificate.Create(DateTimeOffset.UnixEpoch), "sha-256 00", _ => { });
        silent.Start();
        silent.Session.Close();
        Assert.False(silent.WaitForEnd());
        // Not by the handshake's own limit.
        Assert.Contains("the peer was closed", silent.Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Datagrams_beyond_the_queue_are_counted_and_dropped()
    {
        var session = new DtlsSession(false, DtlsCertificate.Create(DateTimeOffset.UnixEpoch), "sha-256 00", _ => { });
        for (var i = 0; i < DatagramQueue.Capacity + 8; i++)
        {
            session.Receive([22, 1, 2, 3], _ => { });
        }

        session.Receive(new byte[DatagramQueue.MaxDatagram + 1], _ => { });
        Assert.Equal(9, session.Dropped);
    }

    [Theory]
    [InlineData("sha-256 AA:BB", false)]
    [InlineData("sha-1 AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA", false)]
    [InlineData("", false)]
    [InlineData("sha-256", false)]
    public void Fingerprints_that_cannot_be_checked_are_known_as_such(string fingerprint, bool usable) =>
        Assert.Equal(usable, DtlsFingerprint.IsUsable(fingerprint));

    [Fact]
    public void Our_own_fingerprint_can_be_checked_in_any_case()
    {
        var own = DtlsCertificate.Create(DateTimeOffset.UnixEpoch).Fingerprint;
        Assert.True(DtlsFingerprint.IsUsable(own));
        Assert.True(DtlsFingerprint.IsUsable(own.ToLowerInvariant()));
    }
}
