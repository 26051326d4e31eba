using System.Text.Json.Serialization;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Fleet;

/// <summary>A message between a worker of a fleet and the control node that it is linked to; JSON, one a WebSocket message.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(Hello), "hello")]
[JsonDerivedType(typeof(Welcome), "welcome")]
[JsonDerivedType(typeof(WorkerReport), "report")]
[JsonDerivedType(typeof(Heard), "heard")]
[JsonDerivedType(typeof(Place), "place")]
[JsonDerivedType(typeof(Placed), "placed")]
internal abstract record LinkMessage
{
    /// <summary>Of the messages here. A side that speaks another one is refused.</summary>
    public const int Protocol = 1;

    /// <summary>Where the link begins at the front door.</summary>
    public const string Path = "/fleet/link";
}

/// <summary>First message of a worker.</summary>
/// <param name="Speaks"><see cref="LinkMessage.Protocol"/>.</param>
/// <param name="Version">Of TrueLive.</param>
/// <param name="Run">Names this run of the process: what an earlier one held is lost.</param>
/// <param name="Address">Where control nodes reach the worker; without a host where that is the one that the link comes from.</param>
/// <param name="Certificate">SHA-256 of the certificate that it answers with there; null without TLS.</param>
internal sealed record Hello(int Speaks, string Version, string Run, string Address, string? Certificate) : LinkMessage;

/// <summary>Answer to <see cref="Hello"/>.</summary>
/// <param name="Worker">Name of the worker, which its key says.</param>
/// <param name="TicketKey">What tickets are signed with, in Base64.</param>
/// <param name="Now">Clock of the control node.</param>
/// <param name="ReportMs">Time between two reports.</param>
internal sealed record Welcome(string Worker, string TicketKey, DateTimeOffset Now, int ReportMs) : LinkMessage;

/// <summary>What a worker holds and can hold, all of it, several times a second.</summary>
/// <param name="Ready">It knows what the machine holds.</param>
/// <param name="MaxSessions">Sessions at most; 0 where shares decide.</param>
/// <param name="DefaultModel">Model of a session that names none.</param>
/// <param name="DefaultSize">Size of a session that names none.</param>
/// <param name="KeepSeconds">Seconds that a session is kept for a client that vanished.</param>
/// <param name="Models">What it offers.</param>
/// <param name="Sessions">What it holds.</param>
/// <param name="Usage">What keys have used, as far as it has changed or may not have arrived; null for nothing.</param>
internal sealed record WorkerReport(
    bool Ready, int MaxSessions, string DefaultModel, string DefaultSize, int KeepSeconds, IReadOnlyList<OfferedModel> Models,
        IReadOnlyList<KeptSession> Sessions, IReadOnlyList<UsageRow>? Usage = null) : LinkMessage;

/// <summary>A model of a worker.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Warm">It is loaded.</param>
/// <param name="Shares">What one session takes at the sizes that were measured.</param>
internal sealed record OfferedModel(string Id, bool Warm, IReadOnlyList<SizeShare> Shares);

/// <summary>Share of the machine, 0 to 1 and more, that one session takes at a size.</summary>
internal sealed record SizeShare(int Width, int Height, double Share);

/// <summary>Answer to <see cref="WorkerReport"/>.</summary>
/// <param name="Draining">It gets no new sessions.</param>
/// <param name="End">Sessions that are to end.</param>
internal sealed record Heard(bool Draining, IReadOnlyList<EndedHere> End) : LinkMessage;

/// <summary>A session that a worker is to end.</summary>
/// <param name="Session">Its id.</param>
/// <param name="Why">In words, for its client.</param>
internal sealed record EndedHere(string Session, string Why);

/// <summary>Asks a worker to take a session, and is answered by <see cref="Placed"/>.</summary>
/// <param name="Call">Returns in the answer.</param>
/// <param name="Session">Id of the session.</param>
/// <param name="Model">Model; null for the default.</param>
/// <param name="Size">Size; null for the default.</param>
/// <param name="Restore">The session as it was on the worker that is lost; null for a new one.</param>
/// <param name="SilentMs">How long ago that worker was heard of.</param>
internal sealed record Place(long Call, string Session, string? Model, string? Size, KeptSession? Restore, double SilentMs) : LinkMessage;

/// <summary>Answer to <see cref="Place"/>.</summary>
/// <param name="Call">Of the question.</param>
/// <param name="Status">HTTP status of a refusal; 0 where the worker takes the session.</param>
/// <param name="Words">Why it refuses; else empty.</param>
internal sealed record Placed(long Call, int Status, string Words) : LinkMessage;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true, AllowOutOfOrderMetadataProperties = true,
    MaxDepth = 8)]
[JsonSerializable(typeof(LinkMessage))]
[JsonSerializable(typeof(ParcelHead))]
internal sealed partial class LinkJson : JsonSerializerContext;
