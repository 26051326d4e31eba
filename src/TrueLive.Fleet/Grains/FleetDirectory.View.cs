using TrueLive.Fleet.Placement;

namespace TrueLive.Fleet.Grains;

/// <content>What operators see.</content>
internal sealed partial class FleetDirectory
{
    private static readonly SessionAsk Usual = new(null, null);

    public FleetView View() => new(
        [.. _workers.Values.OrderBy(w => w.Linked.Name, StringComparer.Ordinal).Select(View)],
        [.. _seats.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => View(s.Key, s.Value))],
        FreePlaces(), line.Waiting, _counts);

    private WorkerView View(Worker worker) => new(
        worker.Linked.Name, StateOf(worker), worker.Linked.Problem, worker.Linked.Version, worker.Linked.Address, SeatsOf(worker).Length,
        IsOpen(worker) ? LoadOf(worker).PlacesFor(Usual) : 0, [.. worker.Report.Models.Select(m => m.Id)],
            Math.Round(time.GetElapsedTime(worker.HeardAt).TotalMilliseconds));

    private string StateOf(Worker worker) =>
        worker.Left ? "stopped" : IsLost(worker) ? "lost" : worker.DrainedAt is not null ? "draining" : worker.Linked.Problem is not null
            ? "unreachable" : worker.Report.Ready ? "ready" : "measuring";

    private PlacedView View(string id, Seat seat) => new(
        id, IsLost(seat) ? null : seat.Holder.Worker, IsLost(seat) ? "lost" : seat.Last?.State ?? "placed", seat.Ask.Model ?? "",
            seat.Ask.Size
            ?? "", seat.Last?.Made ?? 0, seat.Last?.Created);

    private Dictionary<string, int> FreePlaces()
    {
        var open = _workers.Values.Where(IsOpen).ToList();
        return open.SelectMany(w => w.Report.Models.Select(m => m.Id)).Distinct()
            .ToDictionary(model => model, model => open.Sum(w => LoadOf(w).PlacesFor(new SessionAsk(model, null))));
    }
}
