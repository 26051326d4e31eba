using System.Net;
using System.Net.Sockets;
using TrueLive.Core.Frames;
using TrueLive.Server.Configuration;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.Server.Live.Transports;

/// <summary>The server's WebRTC port, opened as configured.</summary>
internal sealed class WebRtcPort : IDisposable
{
    private readonly ServerOptions _options;
    // A connection that never opens is held for 30 s, and an offer costs a client nothing.
    private const int MaxPending = 8;

    private readonly HashSet<RtcPeer> _open = [];
    private readonly Dictionary<string, int> _pending = [];
    private (long Incomplete, long Overtaken) _closed;

    /// <exception cref="ConfigurationException">The port is taken.</exception>
    public WebRtcPort(ServerOptions options, TimeProvider time)
    {
        _options = options;
        if (!options.WebrtcUdp && !options.WebrtcTcp)
            return;
        try
        {
            Endpoint = new RtcEndpoint(
                new RtcEndpointOptions
                {
                    Address = AddressOf(options.Host),
                    Port = options.WebrtcPort,
                    Udp = options.WebrtcUdp,
                    Tcp = options.WebrtcTcp,
                    Announced = AnnouncedAddresses.Fixed(options),
                }, time);
        }
        catch (SocketException error)
        {
            throw new ConfigurationException([$"webrtc_port {options.WebrtcPort} cannot be opened: {error.Message}. Choose another with " +
                "--webrtc-port."]);
        }
    }

    /// <summary>The endpoint; null when both UDP and TCP are turned off.</summary>
    public RtcEndpoint? Endpoint { get; }

    /// <summary>Connections that were answered and are not open yet.</summary>
    public int Pending
    {
        get
        {
            lock (_pending)
                return _pending.Values.Sum();
        }
    }

    /// <summary>Checks whether <see cref="Answer"/> would accept an offer, without making a connection.</summary>
    /// <exception cref="SdpException">The offer cannot be answered.</exception>
    public void Check(string offer, bool receive, string? codec) => Endpoint?.Check(offer, Wanted(receive, codec));

    /// <summary>Answers an offer; the number of connections that are not open yet is limited for each <paramref name="who"/>.</summary>
    /// <exception cref="SdpException">The offer cannot be answered.</exception>
    /// <exception cref="InvalidOperationException">WebRTC is off, or too many connections are open.</exception>
    public RtcPeer Answer(string who, string offer, bool receive, string? codec, IPAddress? reached)
    {
        var endpoint = Endpoint ?? throw new InvalidOperationException("WebRTC is turned off on this server.");
        var preferences = Wanted(receive, codec);
        Expect(who);
        try
        {
            var peer = endpoint.Answer(offer, preferences, new PeerOptions { Reached = reached, Media = Media(_options.MaxKbps * 1000) });
            _ = CountAsync(peer, who);
            return peer;
        }
        catch
        {
            NoLongerExpect(who);
            throw;
        }
    }

    /// <summary>
    /// Address on which the media port listens and is announced: the same as the web server's. The wildcard address of IPv4 includes those
    /// of IPv6.
    /// </summary>
    internal static IPAddress AddressOf(string host)
    {
        if (host == "localhost")
            return IPAddress.Loopback;
        var address = IPAddress.Parse(host);
        return address.Equals(IPAddress.Any) ? IPAddress.IPv6Any : address;
    }

    /// <summary>
    /// Frames since the start that were dropped because packets were missing, and frames that a key frame overtook in the pacer.
    /// </summary>
    public (long Incomplete, long Overtaken) FramesLost()
    {
        lock (_open)
        {
            var now = _open.Select(p => p.Stats).ToArray();
            return (_closed.Incomplete + now.Sum(s => s.FramesDropped), _closed.Overtaken + now.Sum(s => s.FramesDroppedUnsent));
        }
    }

    /// <summary>
    /// Connects to itself once, so that the first client does not wait for the just-in-time compiler in its handshake. Failures are
    /// ignored.
    /// </summary>
    public async Task WarmUpAsync(TimeProvider time, CancellationToken cancel)
    {
        if (Endpoint is not { } endpoint)
            return;
        try
        {
            using var near = new RtcEndpoint(new RtcEndpointOptions(), time);
            using var offering = near.Offer(new MediaPreferences());
            using var answering = endpoint.Answer(offering.LocalDescription, new MediaPreferences());
            offering.Accept(answering.LocalDescription);
            await Task.WhenAll(offering.Opened, answering.Opened).WaitAsync(TimeSpan.FromSeconds(5), time, cancel).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or TimeoutException or SocketException or OperationCanceledException)
        {
        }
    }

    public void Dispose() => Endpoint?.Dispose();

    private static MediaPreferences Wanted(bool receive, string? codec) => new()
    {
        ReceiveVideo = receive,
        Whole = true,
        Codecs = codec?.ToLowerInvariant() switch
        {
            null or "" => [VideoCodec.H264, VideoCodec.Vp8],
            "h264" => [VideoCodec.H264],
            "vp8" => [VideoCodec.Vp8],
            _ => throw new SdpException($"codec must be h264 or vp8, not '{codec}'"),
        },
    };

    // The initial estimate is bounded as well.
    private static RtpSessionOptions Media(int maxBitrate)
    {
        var usual = new RtpSessionOptions();
        return usual with { MaxBitrate = maxBitrate, StartBitrate = Math.Min(usual.StartBitrate, maxBitrate) };
    }

    private void Expect(string who)
    {
        lock (_pending)
        {
            if (_pending.GetValueOrDefault(who) >= MaxPending)
                throw new InvalidOperationException($"{MaxPending} connections to this session wait to be opened. Use one of them, or " +
                    "wait for half a minute.");
            _pending[who] = _pending.GetValueOrDefault(who) + 1;
        }
    }

    private void NoLongerExpect(string who)
    {
        lock (_pending)
        {
            if (--_pending[who] == 0)
                _pending.Remove(who);
        }
    }

    private async Task CountAsync(RtcPeer peer, string who)
    {
        lock (_open)
            _open.Add(peer);
        await Task.WhenAny(peer.Opened, peer.Closed).ConfigureAwait(false);
        NoLongerExpect(who);
        await peer.Closed.ConfigureAwait(false);
        lock (_open)
        {
            _open.Remove(peer);
            _closed = (_closed.Incomplete + peer.Stats.FramesDropped, _closed.Overtaken + peer.Stats.FramesDroppedUnsent);
        }
    }
}
