using System.Net;
using System.Text;
using TrueLive.WebRtc.Ice;
using TrueLive.WebRtc.Packets;
using TrueLive.WebRtc.Stun;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Tests.Ice;

/// <summary>A full agent and a lite one on a clock of their own: restart (RFC 8445 section 9) and consent (RFC 7675).</summary>
public sealed class IceTests
{
    private static readonly IPEndPoint First = new(IPAddress.Parse("192.0.2.1"), 1000);
    private static readonly IPEndPoint Second = new(IPAddress.Parse("192.0.2.2"), 2000);
    private static readonly IPEndPoint Client = new(IPAddress.Parse("198.51.100.1"), 3000);

    private readonly PacketQueue<IceRoute?> _fromFull = new();
    private readonly PacketQueue<IceRoute?> _fromLite = new();
    private Instant _now = new(1_000_000);
    private readonly HashSet<IPEndPoint> _open = [First, Second];
    private readonly IceFull _full;
    private readonly IceLite _lite;

    public IceTests()
    {
        var (ours, theirs) = (IceCredentials.New(), IceCredentials.New());
        _lite = new IceLite(theirs, ours, _fromLite, _now);
        _full = new IceFull(ours, theirs, controlling: true, _fromFull, _now);
    }

    [Fact]
    public void After_a_restart_media_moves_to_the_new_way_and_consent_is_kept_there()
    {
        Add(First);
        Assert.True(Run(TimeSpan.FromSeconds(1)));
        Assert.Equal(First, _full.Route!.Remote);

        Restart();
        Assert.Equal(First, _full.Route.Remote);
        Add(Second);
        Assert.True(Run(TimeSpan.FromSeconds(1)));
        Assert.Equal(Second, _full.Route.Remote);
        Assert.Equal(Second, ((Wire)_lite.Route!).Server);
        _open.Remove(First);
        Assert.True(Run(IceAgent.ConsentTime * 3));
    }

    [Fact]
    public void Until_the_new_way_works_the_old_one_is_used()
    {
        Add(First);
        Run(TimeSpan.FromSeconds(1));
        Restart();
        _open.Remove(Second);
        Add(Second);
        Assert.True(Run(TimeSpan.FromSeconds(10)));
        Assert.Equal(First, _full.Route!.Remote);
        _open.Add(Second);
        Assert.True(Run(TimeSpan.FromSeconds(10)));
        Assert.Equal(Second, _full.Route.Remote);
    }

    [Fact]
    public void A_silent_far_side_loses_its_consent_after_thirty_seconds()
    {
        Add(First);
        Assert.True(Run(TimeSpan.FromSeconds(5)));
        _open.Clear();
        // The last check was answered up to 4.8 s ago.
        Assert.True(Run(IceAgent.ConsentTime - TimeSpan.FromSeconds(5)));
        Assert.False(Run(TimeSpan.FromSeconds(6)));
    }

    [Fact]
    public void Media_moves_to_another_address_only_when_somebody_there_has_answered()
    {
        var victim = new Stranger(new IPEndPoint(IPAddress.Parse("203.0.113.9"), 5000));
        Add(First);
        Assert.True(Run(TimeSpan.FromSeconds(1)));

        // A client with valid credentials that spoofs the victim's address as the source of its datagrams.
        for (var i = 0; i < 20; i++)
            Take(Nominate(), victim);
        Assert.True(Run(TimeSpan.FromSeconds(10)));
        Assert.Equal(Client, _lite.Route!.Remote);
        Assert.All(victim.Got,
            datagram => Assert.True(StunMessage.TryParse(datagram, out var m) && m.Class is StunClass.Request or StunClass.Success));
        Assert.InRange(victim.Got.Count, 1, 60);

        // The same client after it has really moved.
        victim.Heard = datagram =>
        {
            if (!StunMessage.TryParse(datagram, out var check) || check.Class != StunClass.Request)
                return;
            var writer = new StunWriter(new byte[StunMessage.MaxLength], StunClass.Success, check.TransactionId);
            writer.MappedAddress(First);
            Assert.True(StunMessage.TryParse(writer.Finish(_lite.Remote.Key).ToArray(), out var answer));
            _lite.Receive(answer, victim, _now);
        };
        Take(Nominate(), victim);
        Run(TimeSpan.FromSeconds(1));
        Assert.Equal(victim.Remote, _lite.Route.Remote);

        StunMessage Nominate()
        {
            var writer = new StunWriter(new byte[StunMessage.MaxLength], StunClass.Request, new byte[12]);
            writer.Bytes(StunAttribute.Username, Encoding.UTF8.GetBytes($"{_lite.Local.Ufrag}:{_lite.Remote.Ufrag}"));
            writer.UInt32(StunAttribute.Priority, 1);
            writer.UInt64(StunAttribute.IceControlling, 1);
            writer.Flag(StunAttribute.UseCandidate);
            Assert.True(StunMessage.TryParse(writer.Finish(_lite.Local.Key).ToArray(), out var message));
            return message;
        }
    }

    [Fact]
    public void Consent_is_not_kept_by_checks_from_another_address()
    {
        var elsewhere = new Stranger(new IPEndPoint(IPAddress.Parse("203.0.113.9"), 5000));
        Add(First);
        Assert.True(Run(TimeSpan.FromSeconds(1)));
        _open.Clear();
        var alive = true;
        for (var second = 0; second < 40; second++)
        {
            var writer = new StunWriter(new byte[StunMessage.MaxLength], StunClass.Request, new byte[12]);
            writer.Bytes(StunAttribute.Username, Encoding.UTF8.GetBytes($"{_lite.Local.Ufrag}:{_lite.Remote.Ufrag}"));
            Assert.True(StunMessage.TryParse(writer.Finish(_lite.Local.Key).ToArray(), out var check));
            Assert.True(_lite.Receive(check, elsewhere, _now));
            _now += TimeSpan.FromSeconds(1);
            alive &= _lite.Tick(_now);
        }
        Assert.False(alive);
    }

    private void Restart()
    {
        var (ours, theirs) = (IceCredentials.New(), IceCredentials.New());
        _lite.Restart(theirs, ours);
        _full.Restart(ours, theirs);
    }

    private bool Run(TimeSpan duration)
    {
        var alive = true;
        for (var end = _now + duration; _now < end;)
        {
            _now += TimeSpan.FromMilliseconds(5);
            alive &= _full.Tick(_now) & _lite.Tick(_now);
            Carry();
        }
        return alive;
    }

    private void Add(IPEndPoint address)
    {
        var candidate = IceCandidate.Host(address, tcp: false, 0);
        Assert.True(_full.Wants(candidate));
        _full.Add(candidate, new Wire(address, toLite: true));
    }

    private void Take(StunMessage message, Stranger from)
    {
        _lite.Receive(message, from, _now);
        Carry();
    }

    /// <summary>Delivers what the agents have sent to the other side, and the answers back, without advancing the clock.</summary>
    private void Carry()
    {
        for (var more = true; more;)
        {
            more = Carry(_fromFull, _lite) | Carry(_fromLite, _full);
        }
    }

    private bool Carry(PacketQueue<IceRoute?> from, IceAgent to)
    {
        var sent = new List<(IceRoute Route, byte[] Bytes)>();
        while (from.TryTake(out var packet))
            sent.Add((packet.About!, packet.Bytes.ToArray()));
        foreach (var (route, bytes) in sent)
        {
            if (route is Stranger stranger)
                stranger.Take(bytes);
            else if (route is Wire wire && _open.Contains(wire.Server) && StunMessage.TryParse(bytes, out var message))
                to.Receive(message, new Wire(wire.Server, toLite: to == _full), _now);
        }
        return sent.Count > 0;
    }

    /// <summary>A path between the client and one address of the server.</summary>
    private sealed class Wire(IPEndPoint server, bool toLite) : IceRoute
    {
        public IPEndPoint Server => server;

        public override IPEndPoint Remote => toLite ? server : Client;

        public override bool IsTcp => false;
    }

    /// <summary>An address that the client claims to have.</summary>
    private sealed class Stranger(IPEndPoint address) : IceRoute
    {
        public List<byte[]> Got { get; } = [];

        public Action<byte[]>? Heard { get; set; }

        public override IPEndPoint Remote => address;

        public override bool IsTcp => false;

        public void Take(byte[] datagram)
        {
            Got.Add(datagram);
            Heard?.Invoke(datagram);
        }
    }
}
