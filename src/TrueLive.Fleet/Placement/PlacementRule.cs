namespace TrueLive.Fleet.Placement;

/// <summary>Where a session goes, or why nowhere.</summary>
/// <param name="Worker">The worker; null where none has room.</param>
/// <param name="Status">HTTP status of a refusal; 0 where there is a worker.</param>
/// <param name="Words">Why not, and what to do; else empty.</param>
/// <param name="Capacity">Sessions of this kind that the fleet holds.</param>
/// <param name="Running">Sessions that it has.</param>
internal sealed record PlacementChoice(string? Worker, int Status, string Words, int Capacity, int Running);

/// <summary>
/// Chooses the worker for a session: one that has room by what it measured of itself, among those one with the model loaded, among those
/// the one with the most room. A function of its arguments.
/// </summary>
internal static class PlacementRule
{
    /// <param name="ask">What is wanted.</param>
    /// <param name="workers">Those that may take sessions.</param>
    /// <param name="others">Further workers that are linked and take none now: they start, are drained, or cannot be reached.</param>
    public static PlacementChoice Choose(SessionAsk ask, IReadOnlyCollection<WorkerLoad> workers, int others)
    {
        var (capacity, running) = (workers.Sum(w => w.CapacityFor(ask)), workers.Sum(w => w.Running));
        var best = workers.Where(w => w.PlacesFor(ask) > 0)
            .OrderByDescending(w => w.IsWarm(ask)).ThenByDescending(w => w.PlacesFor(ask)).ThenBy(w => w.Name, StringComparer.Ordinal)
                .FirstOrDefault();
        if (best is not null)
            return new PlacementChoice(best.Name, 0, "", capacity, running);
        if (workers.Count == 0)
        {
            return new PlacementChoice(null, 503, others > 0
                ? $"None of the fleet's {others} worker(s) takes sessions now: they start, are drained, or cannot be reached. "
                    + "Try again in a moment."
                : "The fleet has no worker. Start one with 'truelive serve --join'.", 0, 0);
        }
        return workers.Any(w => w.Offers(ask))
            ? new PlacementChoice(
                null, 503,
                $"The fleet is full: its {workers.Count} worker(s) hold {capacity} live session(s) of this kind, and {running} " +
                    "are running. "
                    + "Try again later, or ask for a smaller size.",
                capacity, running)
            : new PlacementChoice(null, 400, $"No worker of this fleet has a model '{ask.Model}'.", 0, running);
    }

    /// <summary>
    /// What is left for one who comes later: those ahead take their places, and what one of them could still use is kept for it.
    /// </summary>
    public static List<WorkerLoad> After(IReadOnlyList<SessionAsk> ahead, IEnumerable<WorkerLoad> workers)
    {
        var left = workers.ToDictionary(w => w.Name, StringComparer.Ordinal);
        foreach (var ask in ahead)
        {
            if (left.Count == 0)
                break;
            if (Choose(ask, left.Values, 0).Worker is { } name)
                left[name] = left[name].With(ask);
            else
                foreach (var kept in left.Values.Where(w => w.Offers(ask)).ToList())
                    left.Remove(kept.Name);
        }
        return [.. left.Values];
    }
}
