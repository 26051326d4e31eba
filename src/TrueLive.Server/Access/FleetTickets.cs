namespace TrueLive.Server.Access;

/// <summary>The tickets that a worker of a fleet accepts: those that are signed with the key of its link. Thread-safe.</summary>
internal sealed class FleetTickets(TimeProvider time)
{
    private static readonly object Slot = new();

    private volatile Link? _link;

    /// <summary>A link has begun; tickets of the previous one are no longer valid.</summary>
    /// <param name="worker">Name of this worker.</param>
    /// <param name="key">The key with which the gateway signs.</param>
    /// <param name="now">The time on the control node's clock, which may be minutes apart from this machine's.</param>
    public void Begin(string worker, byte[] key, DateTimeOffset now) => _link = new Link(worker, key, now - time.GetUtcNow());

    /// <summary>The valid ticket of a request; null for none.</summary>
    public GatewayTicket? Of(HttpRequest request)
    {
        var items = request.HttpContext.Items;
        if (!items.TryGetValue(Slot, out var known))
            items[Slot] = known = Read(request);
        return (GatewayTicket?)known;
    }

    private GatewayTicket? Read(HttpRequest request)
    {
        if (_link is not { } link || request.Headers[GatewayTicket.Header] is not [{ } text])
            return null;
        return GatewayTicket.Read(text, link.Key) is { } ticket && ticket.Worker == link.Worker
            && (time.GetUtcNow() + link.Ahead).ToUnixTimeSeconds() < ticket.Expires
            && (SessionPath.SessionOf(request.Path) is not { } session || session == ticket.Session) ? ticket : null;
    }

    private sealed record Link(string Worker, byte[] Key, TimeSpan Ahead);
}
