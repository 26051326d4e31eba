using TrueLive.Server.Access;
using TrueLive.Server.Fleet;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Fleet.Grains;

/// <summary>A worker that is linked, as the control node that holds the link knows it.</summary>
/// <param name="Name">Which its key says.</param>
/// <param name="Run">The run of its process.</param>
/// <param name="Version">Of TrueLive.</param>
/// <param name="Address">Where control nodes reach it.</param>
/// <param name="Certificate">What it answers with there; null without TLS.</param>
/// <param name="TicketKey">What its tickets are signed with, in Base64.</param>
/// <param name="Problem">Why nothing can be placed on it, in words; null where it can.</param>
internal sealed record LinkedWorker(string Name, string Run, string Version, string Address, string? Certificate, string TicketKey,
    string? Problem)
{
    /// <summary>A ticket of this worker.</summary>
    public string Sign(string session, string owner, string key, bool link, DateTimeOffset now, bool own = false) =>
        new GatewayTicket(Name, session, owner, key, link, (now + GatewayTicket.Lasts).ToUnixTimeSeconds(), own)
            .Sign(Convert.FromBase64String(TicketKey));
}

/// <summary>Answer to a worker's report.</summary>
/// <param name="Refused">Why the link must end; null where it may go on.</param>
/// <param name="Heard">What the worker is told.</param>
internal sealed record ReportAnswer(string? Refused, Heard Heard);

/// <summary>How a session stands.</summary>
internal enum SessionPlace
{
    /// <summary>It never was, or is over.</summary>
    Unknown,

    /// <summary>The directory is new and waits for the workers to say what they have.</summary>
    Waking,

    /// <summary>It is on a worker.</summary>
    Here,

    /// <summary>Its worker is lost, and it can be placed anew.</summary>
    Lost,
}

/// <summary>Where a session is.</summary>
/// <param name="Place">How it stands.</param>
/// <param name="Worker">Its worker, where <see cref="SessionPlace.Here"/>.</param>
/// <param name="Owner">Whose it is, where <see cref="SessionPlace.Lost"/>.</param>
internal sealed record Whereabouts(SessionPlace Place, LinkedWorker? Worker, string? Owner);

/// <summary>A place that was taken for a session, or why there is none.</summary>
/// <param name="Worker">The worker; null where there is none.</param>
/// <param name="Status">HTTP status of a refusal.</param>
/// <param name="Words">Why not.</param>
/// <param name="Capacity">Sessions of this kind that the fleet holds.</param>
/// <param name="Running">Sessions that it has.</param>
/// <param name="Restore">The session as it was on a worker that is lost.</param>
/// <param name="SilentMs">How long ago that was.</param>
/// <param name="Line">The client's position in the waiting line; null where it does not wait.</param>
/// <param name="MaxSessions">Sessions that the owner may have and has; 0 where that is not the reason.</param>
internal sealed record TakenPlace(LinkedWorker? Worker, int Status, string Words, int Capacity, int Running, KeptSession? Restore = null,
    double SilentMs = 0, LineStand? Line = null, int MaxSessions = 0);

/// <summary>A move of a session that may begin.</summary>
/// <param name="To">The worker that it goes to.</param>
/// <param name="Session">The session, as its worker last reported it.</param>
/// <param name="Now">Also when its client will not be told: the time of its worker is up.</param>
internal sealed record SessionMove(LinkedWorker To, KeptSession Session, bool Now);

/// <summary>A worker as operators see it.</summary>
internal sealed record WorkerView(
    string Name, string State, string? Problem, string Version, string Address, int Sessions, int Places, IReadOnlyList<string> Models,
        double HeardMsAgo);

/// <summary>A session as operators see it: neither its token nor its prompt.</summary>
internal sealed record PlacedView(string Id, string? Worker, string State, string Model, string Size, long Made, DateTimeOffset? Created);

/// <summary>The whole fleet.</summary>
/// <param name="Workers">All workers, those that are lost included for a while.</param>
/// <param name="Sessions">All live sessions.</param>
/// <param name="Free">Further sessions of the default kind, by model.</param>
/// <param name="Waiting">Clients that wait in line.</param>
/// <param name="Counts">What was counted.</param>
internal sealed record FleetView(IReadOnlyList<WorkerView> Workers, IReadOnlyList<PlacedView> Sessions, IReadOnlyDictionary<string,
    int> Free, int Waiting, FleetCounts Counts);

/// <summary>What was counted since the directory began.</summary>
internal sealed record FleetCounts(long Placed, long Refused, long Restored, long Fenced, long Moved, long Queued);
