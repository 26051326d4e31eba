using CsCheck;
using TrueLive.Fleet.Placement;
using TrueLive.Server.Fleet;

namespace TrueLive.Fleet.Tests;

/// <summary>Where a session goes.</summary>
public sealed class PlacementRuleTests
{
    private static readonly SessionAsk Small = new("ink", "256x144");
    private static readonly SessionAsk Large = new("ink", "512x288");

    [Fact]
    public void A_worker_that_has_the_model_loaded_goes_before_one_with_more_room()
    {
        var choice = PlacementRule.Choose(Small, [Worker("cold", 0.1, warm: false), Worker("warm", 0.4)], 0);
        Assert.Equal("warm", choice.Worker);
    }

    [Fact]
    public void Among_equals_the_one_with_most_room_is_taken()
    {
        var choice = PlacementRule.Choose(Large, [Worker("a", 0.4, Large), Worker("b", 0.4), Worker("c", 0.2, Large, Large)], 0);
        Assert.Equal("c", choice.Worker);
    }

    [Fact]
    public void What_was_not_measured_runs_alone()
    {
        var unmeasured = Worker("a", share: null);
        Assert.Equal(1, unmeasured.PlacesFor(Small));
        Assert.Equal(0, Worker("a", null, Small).PlacesFor(Small));
    }

    [Fact]
    public void A_smaller_picture_takes_less_of_a_machine_than_the_measured_one()
    {
        // 0.4 of the machine at 512x288 is 0.1 at a quarter of the pixels.
        Assert.Equal((2, 10), (Worker("a", 0.4).PlacesFor(Large), Worker("a", 0.4).PlacesFor(Small)));
        Assert.Equal(2, Worker("a", 0.4, Large, Large).PlacesFor(Small));
    }

    [Fact]
    public void A_full_fleet_says_how_much_it_holds_and_a_model_that_no_worker_has_is_named()
    {
        var full = PlacementRule.Choose(Large, [Worker("a", 0.4, Large, Large), Worker("b", 0.6, Large)], 0);
        Assert.Equal((null, 503, 3, 3), (full.Worker, full.Status, full.Capacity, full.Running));
        Assert.Contains("hold 3 live session(s)", full.Words, StringComparison.Ordinal);
        var unknown = PlacementRule.Choose(new SessionAsk("oil", null), [Worker("a", 0.4)], 0);
        Assert.Equal((400, true), (unknown.Status, unknown.Words.Contains("'oil'", StringComparison.Ordinal)));
        Assert.Contains("no worker", PlacementRule.Choose(Large, [], 0).Words, StringComparison.Ordinal);
    }

    [Fact]
    public void One_who_waits_for_more_than_is_free_keeps_the_least_used_worker_and_no_other()
    {
        var workers = new[] { Worker("a", 0.4, Large), Worker("b", 0.4, Small), Worker("c", 0.4, Large, Small) };
        var left = PlacementRule.After([new SessionAsk("ink", "1024x576")], workers);
        Assert.Equal(["a", "c"], left.Select(w => w.Name));
        Assert.Equal("a", PlacementRule.Choose(Small, left, 0).Worker);
        Assert.Empty(PlacementRule.After([.. Enumerable.Repeat(new SessionAsk("ink", "1024x576"), 4)], workers));
    }

    [Fact]
    public void However_many_ask_no_worker_gets_more_than_it_measured() =>
        Gen.Select(Gen.Double[0.01, 1.5].Array[1, 5], Gen.Int[0, 4], Gen.Int[1, 60]).Sample((shares, max, asks) =>
        {
            var taken = shares.Select(_ => new List<SessionAsk>()).ToArray();
            for (var i = 0; i < asks; i++)
            {
                var workers = shares.Select((share, w) => new WorkerLoad($"{w}", Report(share, true, max), taken[w])).ToList();
                var ask = i % 2 == 0 ? Large : Small;
                if (PlacementRule.Choose(ask, workers, 0).Worker is { } name)
                    taken[int.Parse(name, System.Globalization.CultureInfo.InvariantCulture)].Add(ask);
                else
                    Assert.All(workers, w => Assert.Equal(0, w.PlacesFor(ask)));
            }
            for (var w = 0; w < shares.Length; w++)
            {
                if (max > 0)
                    Assert.InRange(taken[w].Count, 0, max);
                else if (taken[w].Count > 1)
                    Assert.InRange(taken[w].Sum(a => a == Large ? shares[w] : shares[w] / 4), 0, 1 + 1e-6);
            }
        });

    private static WorkerLoad Worker(string name, double? share, params SessionAsk[] taken) => Worker(name, share, true, taken);

    private static WorkerLoad Worker(string name, double? share, bool warm, params SessionAsk[] taken) =>
        new(name, Report(share, warm, 0), taken);

    private static WorkerReport Report(double? share, bool warm, int max) =>
        new(true, max, "ink", "512x288", 60, [new OfferedModel("ink", warm, share is { } s ? [new SizeShare(512, 288, s)] : [])], []);
}
