using System.Collections.Concurrent;
using TrueLive.Core.Sessions;
using TrueLive.Core.Tiers;
using TrueLive.Server.Live.Broadcast;
using TrueLive.Server.Recordings;
using TrueLive.Server.Resources;
using TrueLive.WebRtc;

namespace TrueLive.Server.Live.Sessions;

/// <summary>The absence of a client.</summary>
/// <param name="Since">When it left, by <see cref="TimeProvider.GetTimestamp"/>.</param>
/// <param name="KeptUntil">When the session ends if the client stays away.</param>
internal sealed record Absence(long Since, DateTimeOffset KeptUntil);

/// <summary>What a session lost with the machine that it was on before.</summary>
/// <param name="Since">When that machine last reported it, by <see cref="TimeProvider.GetTimestamp"/>.</param>
/// <param name="Words">In words, for the client.</param>
internal sealed record Loss(long Since, string Words);

/// <summary>A WebRTC connection that sends into a session.</summary>
/// <param name="Peer">The connection.</param>
/// <param name="Stop">Called when its client says that it stops.</param>
internal sealed record Sender(RtcPeer Peer, Action Stop);

/// <summary>A session that this server hosts: the session, the token that brings its client back, and its connection.</summary>
internal sealed class HostedSession(
    LiveSession session, string token, DateTimeOffset created, VideoBroadcaster broadcaster, SessionObserver observer)
{
    private Absence? _away;
    private int _told;
    private long _bytesBeside;

    public LiveSession Session { get; } = session;

    /// <summary>The owner; nobody else may control, record or end it. Everyone who may use the server may watch.</summary>
    public required string Owner { get; init; }

    /// <summary>
    /// Whether its source is a stream instead of a client: it waits for the stream without limit, and takes no other source.
    /// </summary>
    public bool Stays { get; init; }

    /// <summary>Whether it began on another machine.</summary>
    public bool Continues { get; init; }

    /// <summary>Coded pictures that went to its client, its viewers and its outputs, in bytes.</summary>
    public long BytesSent => Broadcaster.Bytes + Interlocked.Read(ref _bytesBeside);

    /// <summary>Whether what it makes is marked as made by AI.</summary>
    public required bool IsMarked { get; init; }

    /// <summary>What is said of how its pictures are made, in IPTC's words; null for nothing.</summary>
    public string? SourceType => IsMarked ? AiMark.Of(Session.Settings.Model.Info) : null;

    /// <summary>Gives the recording that runs; null while none does.</summary>
    public Func<RecordedView>? Recorded { get; set; }

    /// <summary>Why a stream has no picture now, in words; null while it has, and for other sessions.</summary>
    public string? SourceLost => Stays ? Input.Problem : null;

    /// <summary>Given only to the client that created the session; with it the client can resume.</summary>
    public string Token { get; } = token;

    /// <summary>Sees every picture, for journals and interactive clips.</summary>
    public SessionObserver Observer { get; } = observer;

    public DateTimeOffset Created { get; } = created;

    /// <summary>Encodes the pictures and sends them to WebRTC clients and viewers.</summary>
    public VideoBroadcaster Broadcaster { get; } = broadcaster;

    /// <summary>
    /// WebRTC connections that send into the session, by the names in their addresses: the running one, and others that are starting or
    /// ending.
    /// </summary>
    public ConcurrentDictionary<string, Sender> Senders { get; } = new();

    /// <summary>The state of the client's input.</summary>
    public InputState Input { get; } = new();

    /// <summary>Connections of those who watch.</summary>
    public ConcurrentDictionary<string, RtcPeer> Viewers { get; } = new();

    /// <summary>Name of the client's current transport, such as <c>webrtc</c>.</summary>
    public string Transport { get; set; } = "none";

    /// <summary>
    /// Since when the client is away; null while connected, and before it came. One reference, so that no reader sees half of it.
    /// </summary>
    public Absence? Away
    {
        get => Volatile.Read(ref _away);
        set => Volatile.Write(ref _away, value);
    }

    /// <summary>
    /// Name of the connection whose client left without a word, if it may end the session: a browser that closes a connection and says
    /// over HTTP that it stops is often heard in this order.
    /// </summary>
    public string? LeftBy { get; set; }

    /// <summary>The loss to report when the client resumes; null when only frames were lost.</summary>
    public Loss? Lost { get; set; }

    /// <summary>
    /// Ends the running connection, so that another can take over. Guarded by a lock on this session, like all members below.
    /// </summary>
    public CancellationTokenSource? Connection { get; set; }

    /// <summary>
    /// Number of the connection that runs, or ran last. Each new connection gets the next number, and its client is told.
    /// </summary>
    public long Number { get; set; }

    /// <summary>Number of the connection that arrived last.</summary>
    public long LastNumber { get; set; }

    /// <summary>
    /// When the running connection took over from another, or, later, when an attempt to take over from it was last refused; null if it did
    /// not take over.
    /// </summary>
    public long? TakenOverAt { get; set; }

    /// <summary>Completes when the running connection has released the session.</summary>
    public Task Released { get; set; } = Task.CompletedTask;

    /// <summary>Goes on with the session when a move of it comes to nothing.</summary>
    public ITimer? Hold { get; set; }

    /// <summary>Clients that are told what happens to the session, and can connect again.</summary>
    public int Told => Volatile.Read(ref _told);

    /// <summary>Ends the session when its client stays away.</summary>
    public ITimer? Keep { get; set; }

    /// <summary>Ends the session when its time is up.</summary>
    public ITimer? Limit { get; set; }

    /// <summary>Coded pictures went out that the broadcaster has no part in.</summary>
    public void CountSent(int bytes) => Interlocked.Add(ref _bytesBeside, bytes);

    /// <summary>A client begins to be told what happens, or is told no more.</summary>
    public void Tells(bool begins) => Interlocked.Add(ref _told, begins ? 1 : -1);

    /// <summary>
    /// Assigns a number to a new connection. A client that resumes gives the number that it had: if a newer connection is running, the
    /// token is in use twice (a duplicated tab), and the older one is refused.
    /// </summary>
    /// <exception cref="RequestRefusedException">409: a newer connection runs.</exception>
    public long Enter(long? had)
    {
        lock (this)
        {
            return had < Number && Connection is not null
                ? throw new RequestRefusedException(StatusCodes.Status409Conflict,
                    "A newer connection took the session over, from another tab or page.")
                : ++LastNumber;
        }
    }
}
