namespace TrueLive.Server.Access;

/// <summary>The tickets that a worker of a fleet takes: those that are signed with the key of its link. Thread-safe.</summary>
internal sealed class FleetTickets(TimeProvider time)
{
    private static readonly object Slot = new();

    private volatile Link? _link;

    /// <summary>A link has begun; tickets of the one before open nothing any more.</summary>
    /// <param name="worker">Name of this worker.</param>
    /// <param name="key">What the gateway signs with.</param>
    /// <param name="now">What the control node's clock says: the clocks of two machines may be minutes apart.</param>
    public void Begin(string worker, byte[] key, DateTimeOffset now) => _link = new Link(worker, key, now - time.GetUtcNow());

    /// <summary>The ticket of a request; null where it has none that is good here and now.</summary>
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
