using TrueLive.Fleet.Grains;
using TrueLive.Fleet.Placement;
using TrueLive.Server.Capacity;
using TrueLive.Server.Fleet;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Fleet.Tests;

public sealed partial class FleetDirectoryTests
{
    [Fact]
    public void Who_waits_longest_gets_the_place_that_becomes_free_and_nobody_else_does()
    {
        Hear("a", Session("s"), Session("t"));
        var (first, second) = (Wait("u"), Wait("v"));
        Assert.Equal((1, 1, 2, 2), (first.Position, first.Waiting, second.Position, second.Waiting));
        Hear("a", Session("t"));
        Hear("a", Session("t"));
        // Neither who comes now nor who is second, although a place is free.
        Assert.Equal(3, Wait("w").Position);
        Assert.Contains("wait in line", Place("x", second.Ticket).Words, StringComparison.Ordinal);
        Assert.Equal("a", Place("u", first.Ticket).Worker?.Name);
        Assert.Equal(1, Place("x", second.Ticket).Line!.Position);
    }

    [Fact]
    public void A_place_that_came_to_nothing_leaves_its_client_where_it_was()
    {
        Hear("a", Session("s"), Session("t"));
        var (first, second) = (Wait("u"), Wait("v"));
        Hear("a", Session("t"));
        Hear("a", Session("t"));
        Assert.NotNull(Place("u", first.Ticket).Worker);
        // Its ticket is good for one place.
        Assert.Null(Place("u2", first.Ticket).Worker);
        _fleet.Release("u");
        Assert.Null(Place("v", second.Ticket).Worker);
        Assert.NotNull(Place("u3", first.Ticket).Worker);
        _fleet.Made("u3");
        Assert.Equal(1, Place("v", second.Ticket).Line!.Position);
        // It joins anew.
        Assert.Equal((2, false), Place("u4", first.Ticket).Line is var again ? (again!.Position, again.Ticket == first.Ticket) : default);
    }

    [Fact]
    public void Who_waits_for_another_model_holds_up_only_those_who_want_its_machines()
    {
        var (ink, oil) = (new SessionAsk("ink", null), new SessionAsk("oil", null));
        HearOffering("a", "ink", Session("s"), Session("t"));
        HearOffering("b", "oil");
        HearOffering("c", "oil");
        Assert.Equal(1, _fleet.Place("u", ink, [], Claim(null)).Line!.Position);
        for (var i = 0; i < 4; i++)
            Assert.NotNull(_fleet.Place("o" + i, oil, [], Claim(null)).Worker);
        Assert.Equal((1, 1), _fleet.Place("v", oil, [], Claim(null)).Line is var line ? (line!.Position, line.Waiting) : default);
        Assert.Equal(2, _fleet.View().Waiting);
    }

    [Fact]
    public void Sessions_of_a_lost_worker_come_before_the_line()
    {
        Hear("a", Session("s"));
        Hear("b", Session("t"), Session("u"));
        Take("x", "a");
        _fleet.Made("x");
        Hear("a", Session("s"), Session("x"));
        var first = Wait("v");
        Hear("b", Session("t"));
        Silence(() => Hear("b", Session("t")));
        Assert.NotNull(_fleet.Replace("s", []).Worker);
        Assert.Null(Place("v", first.Ticket).Worker);
    }

    [Fact]
    public void Of_64_who_come_at_once_none_is_passed_over_and_the_estimate_holds_in_the_mean()
    {
        const int Workers = 3;
        var random = new Random(7);
        var running = new Dictionary<string, TimeSpan>();
        var clients = Enumerable.Range(0, 64).Select(i => new Client("c" + i)).ToList();
        var admitted = new List<Client>();
        var errors = new List<(double Estimate, double Wait)>();
        var (now, joins) = (TimeSpan.Zero, 0);
        var homes = new Dictionary<string, string>();
        for (var joined = 0; admitted.Count < 64 + 200; now += Beat)
        {
            foreach (var worker in Enumerable.Range(0, Workers).Select(w => "w" + w))
                Hear(worker, [.. running.Where(r => homes[r.Key] == worker && r.Value > now).Select(r => Session(r.Key))]);
            foreach (var over in running.Where(r => r.Value <= now).Select(r => r.Key).ToList())
                running.Remove(over);
            // As many come as get in, so that all places stay taken.
            while (clients.Count < 64 && joined++ < 1000)
                clients.Add(new Client("d" + joined));
            foreach (var client in clients.Where(c => c.AsksAt <= now).OrderBy(_ => random.Next()).ToList())
            {
                var id = $"{client.Name}-{now.TotalMilliseconds}";
                var free = (2 * Workers) - _fleet.View().Sessions.Count;
                var place = Place(id, client.Ticket);
                if (place.Worker is { } worker)
                {
                    // There is a place for each of those before it as well.
                    Assert.True(clients.Count(c => c.Joined < (client.Joined ?? int.MaxValue)) < free, client.Name);
                    if (client.Estimate is { } estimate)
                        errors.Add((estimate.TotalSeconds, (now - client.EstimatedAt).TotalSeconds));
                    clients.Remove(client);
                    admitted.Add(client);
                    _fleet.Made(id);
                    homes[id] = worker.Name;
                    // Lengths that differ as those of people do.
                    running[id] = now + TimeSpan.FromSeconds(5 - (25 * Math.Log(1 - random.NextDouble())));
                    continue;
                }
                var line = place.Line!;
                Assert.Equal(place.Line!.Position - 1, clients.Count(c => c.Joined < (client.Joined ?? int.MaxValue)));
                client.Joined ??= joins++;
                (client.Ticket, client.AsksAt) = (line.Ticket, now + line.RetryAfter);
                if (client.Estimate is null && line.Estimate is not null)
                    (client.Estimate, client.EstimatedAt) = (line.Estimate, now);
                else if (line.Estimate is null)
                    Assert.True(line.Ended < PlaceTurnover.Enough);
            }
            _time.Advance(Beat);
        }
        Assert.Equal(admitted.Count, admitted.Distinct().Count());
        Assert.All(Enumerable.Range(0, 64), i => Assert.Contains(admitted, c => c.Name == "c" + i));
        var ratio = errors.Sum(e => e.Wait) / errors.Sum(e => e.Estimate);
        TestContext.Current.TestOutputHelper!.WriteLine($"waited / estimated: {ratio:0.00}, n {errors.Count}");
        Assert.InRange(ratio, 0.75, 1.35);
    }

    private sealed class Client(string name)
    {
        public string Name => name;

        public string? Ticket { get; set; }

        public int? Joined { get; set; }

        public TimeSpan AsksAt { get; set; }

        public TimeSpan? Estimate { get; set; }

        public TimeSpan EstimatedAt { get; set; }
    }

    private WaitingLine<SessionAsk> NewLine() => new(100, 100, TimeSpan.FromHours(2), _time);

    private static LineClaim Claim(string? ticket) => new(ticket, "somebody", Joins: true);

    private TakenPlace Place(string session, string? ticket) => _fleet.Place(session, Any, [], Claim(ticket));

    private LineStand Wait(string session) => Place(session, null).Line!;

    private void HearOffering(string name, string model, params KeptSession[] sessions) =>
        _fleet.Hear(Linked(name), new WorkerReport(true, 2, model, "64x64", 60, [new OfferedModel(model, true, [])], sessions));
}
