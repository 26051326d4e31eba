using System.Collections.Concurrent;
using TrueLive.Core.Sessions;
using TrueLive.Server.Live.Broadcast;
using TrueLive.Server.Resources;
using TrueLive.WebRtc;

namespace TrueLive.Server.Live.Sessions;

/// <summary>The time that a client is away.</summary>
/// <param name="Since">When it went, by <see cref="TimeProvider.GetTimestamp"/>.</param>
/// <param name="KeptUntil">When its place is free again if it stays away.</param>
internal sealed record Absence(long Since, DateTimeOffset KeptUntil);

/// <summary>What went with the machine that a session was on before.</summary>
/// <param name="Since">When it was last heard of, by <see cref="TimeProvider.GetTimestamp"/>.</param>
/// <param name="Words">In words, for the client.</param>
internal sealed record Loss(long Since, string Words);

/// <summary>A WebRTC connection that sends into a session.</summary>
/// <param name="Peer">The connection.</param>
/// <param name="Stop">Its client says that it stops.</param>
internal sealed record Sender(RtcPeer Peer, Action Stop);

/// <summary>A session that this server hosts: the session, the token that brings its client back, and its connection.</summary>
internal sealed class HostedSession(LiveSession session, string token, DateTimeOffset created, VideoBroadcaster broadcaster, SessionObserver observer)
{
    private Absence? _away;

    public LiveSession Session { get; } = session;

    /// <summary>Whose it is: nobody else may steer, record or end it. Watching is open to all who may use the server.</summary>
    public required string Owner { get; init; }

    /// <summary>Its source is a stream, not a client: it waits for that without end, and takes no other.</summary>
    public bool Stays { get; init; }

    /// <summary>Why a stream has no picture now, in words; null while it has, and for other sessions.</summary>
    public string? SourceLost => Stays ? Input.Problem : null;

    /// <summary>Shown only to the client that made the session; lets it come back.</summary>
    public string Token { get; } = token;

    /// <summary>Looks on as pictures pass, for journals and interactive clips.</summary>
    public SessionObserver Observer { get; } = observer;

    public DateTimeOffset Created { get; } = created;

    /// <summary>Codes the pictures and sends them to WebRTC clients and viewers.</summary>
    public VideoBroadcaster Broadcaster { get; } = broadcaster;

    /// <summary>
    /// WebRTC connections that send into the session, by the names in their addresses: the one that runs, and others that begin or end.
    /// </summary>
    public ConcurrentDictionary<string, Sender> Senders { get; } = new();

    /// <summary>What is wrong with the picture that the client sends.</summary>
    public InputState Input { get; } = new();

    /// <summary>Connections of those who watch.</summary>
    public ConcurrentDictionary<string, RtcPeer> Viewers { get; } = new();

    /// <summary>Words for the way that the client is connected now, such as <c>webrtc</c>.</summary>
    public string Transport { get; set; } = "none";

    /// <summary>
    /// Since when the client is away; null while connected, and before it came. One reference, so that no reader sees half of it.
    /// </summary>
    public Absence? Away
    {
        get => Volatile.Read(ref _away);
        set => Volatile.Write(ref _away, value);
    }

    /// <summary>What its client has to be told of when it comes back; null where nothing was lost but frames.</summary>
    public Loss? Lost { get; set; }

    /// <summary>
    /// Ends the running connection, so that another can take over. Guarded by a lock on this session, as all of the following.
    /// </summary>
    public CancellationTokenSource? Connection { get; set; }

    /// <summary>Number of the connection that runs, or ran last: each that arrives has the next one, and its client is told.</summary>
    public long Number { get; set; }

    /// <summary>Number of the connection that arrived last.</summary>
    public long LastNumber { get; set; }

    /// <summary>
    /// When the running connection took over from one that ran, or another was last refused for that; null when it did not.
    /// </summary>
    public long? TakenOverAt { get; set; }

    /// <summary>Completes when the running connection has let go of the session.</summary>
    public Task Released { get; set; } = Task.CompletedTask;

    /// <summary>Counts down to the end of the session while its client is away.</summary>
    public ITimer? Keep { get; set; }

    /// <summary>Ends the session when its time is up.</summary>
    public ITimer? Limit { get; set; }

    /// <summary>
    /// The number of a connection that arrives. A client that comes back names the one that it had: where another has begun since and still
    /// runs, the same token is in use twice (a duplicated tab), and the older one gives way for good.
    /// </summary>
    /// <exception cref="RequestRefusedException">409: a newer connection runs.</exception>
    public long Enter(long? had)
    {
        lock (this)
        {
            return had < Number && Connection is not null
                ? throw new RequestRefusedException(StatusCodes.Status409Conflict, "A newer connection took the session over, from another tab or page.")
                : ++LastNumber;
        }
    }
}
