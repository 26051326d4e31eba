using TrueLive.Fleet.Placement;
using TrueLive.Server.Capacity;

namespace TrueLive.Fleet.Grains;

/// <content>The line of those who wait for a place.</content>
internal sealed partial class FleetDirectory
{
    // Only who is told that the fleet is full joins; who waits already keeps the position whatever the reason is.
    private TakenPlace Queue(PlacementChoice choice, SessionAsk ask, LineClaim claim)
    {
        if (choice.Status != 503 || IsWaking)
            return Refuse(choice);
        var could = _workers.Values.Where(w => IsOpen(w)).Select(LoadOf).Where(w => w.Offers(ask)).ToList();
        var (stand, words) = line.Wait(claim with { Joins = claim.Joins && choice.Capacity > 0 }, ask, could.Sum(w => w.Running),
            other => other == ask || could.Exists(w => w.Offers(other)));
        if (stand is null)
            return Refuse(choice with { Words = $"{choice.Words} {words}".TrimEnd() });
        if (stand.Ticket != claim.Ticket)
            _counts = _counts with { Queued = _counts.Queued + 1 };
        return new TakenPlace(null, choice.Status, choice.Words, choice.Capacity, choice.Running, Line: stand);
    }
}
