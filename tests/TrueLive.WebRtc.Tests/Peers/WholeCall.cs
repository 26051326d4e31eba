using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Dtls;
using TrueLive.WebRtc.Ice;
using TrueLive.WebRtc.Peers;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sctp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Stun;
using TrueLive.WebRtc.Tests.Rtp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Tests.Peers;

/// <summary>
/// Two connections without sockets over a path that loses, delays and reorders packets, in virtual time: ICE, DTLS, media and channels.
/// Alice offers with a full agent, Bob answers as a server does. Virtual time stops during the DTLS handshake, which runs in real time and
/// without loss.
/// </summary>
internal sealed class WholeCall : IDisposable
{
    private static readonly DtlsCertificate[] Certificates = [DtlsCertificate.Create(DateTimeOffset.UnixEpoch),
        DtlsCertificate.Create(DateTimeOffset.UnixEpoch)];

    private readonly FakeTimeProvider _time = new();
    private readonly BlockingCollection<(Side From, byte[]? Datagram, HandshakeResult? End)> _handshakes = [];
    private readonly byte[] _handOver = new byte[2048];
    private bool _shaken;

    public WholeCall(int seed = 1, double loss = 0)
    {
        Clock = new Clock(_time);
        (Up, Down) = (new Impairment(seed) { Loss = loss }, new Impairment(seed + 1000) { Loss = loss });
        var (ours, theirs) = (IceCredentials.New(), IceCredentials.New());
        var offer = new SdpOffer(new MediaPreferences(), Describe(ours, 0, lite: false));
        var bobPlan = SdpNegotiation.Answer(offer.Text, new MediaPreferences(), Describe(theirs, 1, lite: true), out var answer);
        Alice = new Side(this, new PeerConnection(Settings(offer.Complete(answer), ours, 0), Clock.Now), Up);
        Bob = new Side(this, new PeerConnection(Settings(bobPlan, theirs, 1), Clock.Now), Down);
        Reach(1);

        PeerSettings Settings(MediaPlan plan, IceCredentials local, int number) => new()
        {
            Plan = plan,
            Local = local,
            Lite = number == 1,
            Certificate = Certificates[number],
            Clock = Clock,
            Media = new RtpSessionOptions { Random = new Random(seed + number) },
        };
    }

    public Clock Clock { get; }

    public Side Alice { get; }

    public Side Bob { get; }

    public Impairment Up { get; }

    public Impairment Down { get; }

    /// <summary>Microseconds since the start.</summary>
    public long Now { get; private set; }

    /// <summary>Frames that <see cref="HandOver(int)"/> has delivered.</summary>
    public int HandedOver { get; private set; }

    /// <summary>Bob's reachable addresses, by their last byte.</summary>
    public HashSet<byte> Open { get; } = [1];

    /// <summary>Tells Alice one of Bob's addresses.</summary>
    public void Reach(byte address)
    {
        var candidate = IceCandidate.Host(new IPEndPoint(new IPAddress([192, 0, 2, address]), 1000), tcp: false, 0);
        if (Alice.Connection.Wants(candidate))
            Alice.Connection.Add(candidate, new Way(address, toBob: true));
    }

    /// <summary>Restarts ICE on both sides.</summary>
    public void RestartIce()
    {
        var (ours, theirs) = (IceCredentials.New(), IceCredentials.New());
        Alice.Connection.Restart(ours, theirs);
        Bob.Connection.Restart(theirs, ours);
    }

    /// <summary>Runs until the condition holds; fails after so many seconds of virtual time.</summary>
    public void RunUntil(Func<bool> condition, double seconds = 30)
    {
        for (var until = Now + seconds * 1e6; !condition(); RunMillisecond())
            Assert.True(Now < until,
                $"not within {seconds} s: {Alice.Connection.State} {Alice.Connection.Reason}, {Bob.Connection.State} " +
                $"{Bob.Connection.Reason}");
    }

    /// <summary>Runs for a time.</summary>
    public void Run(double seconds, Action? eachMillisecond = null)
    {
        for (var until = Now + seconds * 1e6; Now < until; RunMillisecond())
            eachMillisecond?.Invoke();
    }

    /// <summary>Runs until both sides are connected.</summary>
    public void Connect() => RunUntil(() => Alice.Connection.State == PeerState.Connected && Bob.Connection.State == PeerState.Connected);

    /// <summary>Lets time pass and passes everything from one side to the other, without loss, delay or allocation.</summary>
    public void HandOver(int milliseconds)
    {
        for (; milliseconds > 0; milliseconds--)
        {
            _time.Advance(TimeSpan.FromMilliseconds(1));
            HandOver(Alice.Connection, Bob.Connection);
            HandOver(Bob.Connection, Alice.Connection);
        }
    }

    private void HandOver(PeerConnection from, PeerConnection to)
    {
        if (Clock.Now >= from.Deadline)
            from.Handle(Clock.Now);
        while (from.TryTake(out Datagram datagram))
        {
            var copy = _handOver.AsSpan(0, datagram.Bytes.Length);
            datagram.Bytes.CopyTo(copy);
            to.Handle(copy, Clock.Now);
        }
        while (to.TryTake(out MediaEvent happened))
        {
            HandedOver += happened.Kind == MediaEventKind.Frame ? 1 : 0;
            happened.Release();
        }
    }

    public void Dispose()
    {
        Alice.Connection.Dispose();
        Bob.Connection.Dispose();
        _handshakes.Dispose();
    }

    private static TransportDescription Describe(IceCredentials credentials, int number, bool lite) => new()
    {
        IceUfrag = credentials.Ufrag,
        IcePassword = credentials.Password,
        Fingerprint = Certificates[number].Fingerprint,
        IceLite = lite,
    };

    private void RunMillisecond()
    {
        Alice.Settle();
        Bob.Settle();
        while (Up.TryReceive(Now, out var packet, out _))
            Bob.Receive(packet);
        while (Down.TryReceive(Now, out var packet, out _))
            Alice.Receive(packet);
        if (!_shaken && Alice.Connection.Route is not null && Bob.Connection.Route is not null)
            ShakeHands();
        Alice.Tick();
        Bob.Tick();
        Now += 1000;
        _time.Advance(TimeSpan.FromMilliseconds(1));
    }

    private void ShakeHands()
    {
        _shaken = true;
        Begin(Alice);
        Begin(Bob);
        for (var running = 2; running > 0;)
        {
            var (from, datagram, end) = _handshakes.Take(TestContext.Current.CancellationToken);
            if (datagram is not null)
                Other(from).Connection.Handle(datagram, Clock.Now);
            if (end is null)
                continue;
            from.Connection.Handle(end, Clock.Now);
            running--;
        }

        void Begin(Side side)
        {
            Assert.True(side.Connection.TryTakeHandshake(out var session));
            new Thread(() =>
                _handshakes.Add((side, null, session.Handshake(datagram => _handshakes.Add((side, datagram.ToArray(), null))))))
            { IsBackground = true }.Start();
        }
    }

    private Side Other(Side side) => side == Alice ? Bob : Alice;

    /// <summary>A path between Alice and one of Bob's addresses.</summary>
    internal sealed class Way(byte address, bool toBob) : IceRoute
    {
        public byte Address => address;

        public override IPEndPoint Remote { get; } = new(new IPAddress([(byte)(toBob ? 192 : 198), 0, 2, address]), 1000);

        public override bool IsTcp => false;
    }

    /// <summary>One connection, what it sends, and the events that it has raised.</summary>
    internal sealed class Side(WholeCall call, PeerConnection connection, Impairment output)
    {
        private int _number;
        private bool _keyFrameWanted = true;

        public PeerConnection Connection => connection;

        /// <summary>Numbers of the frames received, each of which was identical to what was sent.</summary>
        public List<int> Frames { get; } = [];

        public List<long> FramesAt { get; } = [];

        public int Sound { get; private set; }

        public List<string> Texts { get; } = [];

        public List<Channel> Channels { get; } = [];

        public int Sent => _number;

        public void SendFrame(int size = 3000)
        {
            var codec = connection.SendCodec!.Value;
            var data = TestFrames.Make(codec, _number + 1, _keyFrameWanted, size * (_keyFrameWanted ? 4 : 1));
            var frame = new EncodedFrame { Codec = codec, Data = data, RtpTime = (uint)(_number + 1), KeyFrame = _keyFrameWanted };
            _number++;
            if (connection.SendVideo(frame, call.Clock.Now))
                _keyFrameWanted = false;
            Settle();
        }

        public void Receive(byte[] packet)
        {
            var address = packet[0];
            var datagram = packet.AsSpan(1);
            if (!call.Open.Contains(address))
                return;
            if (!StunMessage.LooksLikeStun(datagram))
                connection.Handle(datagram, call.Clock.Now);
            else if (StunMessage.TryParse(datagram, out var message))
                connection.Handle(message, new Way(address, toBob: this == call.Alice), call.Clock.Now);
            Settle();
        }

        public void Tick()
        {
            if (call.Clock.Now >= connection.Deadline)
                connection.Handle(call.Clock.Now);
            Settle();
        }

        /// <summary>Puts outgoing datagrams on the path, and records events.</summary>
        public void Settle()
        {
            while (connection.TryTake(out Datagram datagram))
                output.Send([((Way)datagram.Route).Address, .. datagram.Bytes], false, call.Now);
            while (connection.TryTake(out MediaEvent happened))
                Note(happened);
            while (connection.TryTake(out ChannelEvent happened))
            {
                if (happened.Kind == ChannelEventKind.Opened)
                    Channels.Add(happened.Channel);
                else if (happened.Kind == ChannelEventKind.Message)
                    Texts.Add(System.Text.Encoding.UTF8.GetString(happened.Data!));
                else
                    Channels.Remove(happened.Channel);
            }
        }

        private void Note(in MediaEvent happened)
        {
            switch (happened.Kind)
            {
                case MediaEventKind.Frame:
                    var frame = happened.Frame;
                    var number = (int)frame.RtpTime;
                    var size = frame.Data.Length;
                    Assert.True(size > 0 && (frame.KeyFrame || Frames.Count == 0 || Frames[^1] == number - 1),
                        $"{number} after {Frames.LastOrDefault()}");
                    Frames.Add(number);
                    FramesAt.Add(call.Now);
                    break;
                case MediaEventKind.Sound:
                    Sound += happened.Sound.Data.Length;
                    break;
                case MediaEventKind.KeyFrameWanted:
                    _keyFrameWanted = true;
                    break;
            }
            happened.Release();
        }
    }
}
