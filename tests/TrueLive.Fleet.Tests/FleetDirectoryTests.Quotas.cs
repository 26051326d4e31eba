using TrueLive.Server.Capacity;

namespace TrueLive.Fleet.Tests;

public sealed partial class FleetDirectoryTests
{
    [Fact]
    public void A_key_has_as_many_sessions_as_it_may_on_all_workers_together_whatever_a_worker_says()
    {
        Hear("a");
        Hear("b");
        Assert.NotNull(Of("s", "key-a").Worker);
        Assert.NotNull(Of("t", "key-a").Worker);
        Assert.NotEqual(_fleet.Find("s").Worker!.Name, _fleet.Find("t").Worker!.Name);
        Assert.Equal((429, 2), Of("u", "key-a") is var full ? (full.Status, full.MaxSessions) : default);
        // A place that came to nothing is free again, and another key has its own.
        _fleet.Release("t");
        Assert.NotNull(Of("u", "key-a").Worker);
        Assert.NotNull(Of("v", "key-b").Worker);
        Hear("liar", Session("x") with { Owner = "key-b" }, Session("y") with { Owner = "key-b" });
        Assert.NotEqual(429, Of("w", "key-b").Status);
    }

    [Fact]
    public void A_directory_that_begins_anew_counts_the_sessions_that_its_workers_bring_at_first()
    {
        var again = NewDirectory();
        again.Hear(Linked("a"), Report(Session("s") with { Owner = "key-a" }, Session("t") with { Owner = "key-a" }));
        again.Hear(Linked("b"), Report());
        Assert.Equal(429, again.Place("u", Any, [], new LineClaim(null, "", false, "key-a", 2)).Status);
        Assert.NotNull(again.Place("u", Any, [], new LineClaim(null, "", false, "key-b", 2)).Worker);
    }

    [Fact]
    public void Sessions_of_a_key_whose_minutes_are_used_up_end_on_every_worker_with_the_reason()
    {
        Hear("a");
        Hear("b");
        _fleet.Stop("key-a", "used up");
        Assert.Equal(("s", "used up"), Assert.Single(Hear("a", Session("s") with { Owner = "key-a" }, Session("t")).Heard.End)
            is var end ? (end.Session, end.Why) : default);
        Assert.Single(Hear("b", Session("u") with { Owner = "key-a" }).Heard.End);
        // Control nodes say it again as long as it holds.
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Empty(Hear("b", Session("v") with { Owner = "key-a" }).Heard.End);
    }

    private Grains.TakenPlace Of(string session, string owner) =>
        _fleet.Place(session, Any, [], new LineClaim(null, "", false, owner, 2));
}
