using System.Collections.Concurrent;
using TrueLive.Core.Sessions;
using TrueLive.Server.Journals;
using TrueLive.Server.Transports;
using TrueLive.WebRtc;

namespace TrueLive.Server.Sessions;

/// <summary>A place on this machine held by one session: the session, the token that brings its client back, and its connection.</summary>
internal sealed class SessionSeat(LiveSession session, string token, DateTimeOffset created, VideoFan fan, SessionTap tap)
{
    public LiveSession Session { get; } = session;

    /// <summary>Whose it is: nobody else may steer, record or end it. Watching is open to all who may use the server.</summary>
    public required string Owner { get; init; }

    /// <summary>Shown only to the client that made the session; lets it come back.</summary>
    public string Token { get; } = token;

    /// <summary>Looks on as pictures pass, for journals and interactive clips.</summary>
    public SessionTap Tap { get; } = tap;

    public DateTimeOffset Created { get; } = created;

    /// <summary>Codes the pictures and sends them to WebRTC clients and viewers.</summary>
    public VideoFan Fan { get; } = fan;

    /// <summary>The client's latest WebRTC connection; null when it never had one.</summary>
    public PeerConnection? Peer { get; set; }

    /// <summary>What is wrong with the picture that the client sends.</summary>
    public InputState Input { get; } = new();

    /// <summary>Connections of those who watch.</summary>
    public ConcurrentDictionary<string, PeerConnection> Viewers { get; } = new();

    /// <summary>Words for the way that the client is connected now, such as <c>webrtc</c>.</summary>
    public string Transport { get; set; } = "none";

    /// <summary>When the client went away; null while connected.</summary>
    public long? AwaySince { get; set; }

    /// <summary>Ends the running connection, so that another can take over.</summary>
    public CancellationTokenSource? Connection { get; set; }

    /// <summary>Completes when the running connection has let go of the session.</summary>
    public Task Released { get; set; } = Task.CompletedTask;

    /// <summary>Counts down to the end of the session while its client is away.</summary>
    public ITimer? Keep { get; set; }

    /// <summary>When the place is free again if its client stays away.</summary>
    public DateTimeOffset KeptUntil { get; set; }

    /// <summary>Ends the session when its time is up.</summary>
    public ITimer? Limit { get; set; }
}
