using TrueLive.Server.Live.Sessions;

namespace TrueLive.Fleet.Tests;

/// <content>Sessions of a drained worker.</content>
public sealed partial class FleetDirectoryTests
{
    [Fact]
    public void A_session_of_a_drained_worker_moves_to_where_a_place_is_kept_for_it_and_is_at_one_worker_at_each_moment()
    {
        Hear("a", Session("s"), Session("t"));
        Hear("b", Session("u"));
        Assert.Null(_fleet.BeginMove("s", "a", []));
        _fleet.Drain("a", true);
        var move = _fleet.BeginMove("s", "a", [])!;
        Assert.Equal(("b", "s", false), (move.To.Name, move.Session.Id, move.Now));
        // One at a time, and the place is taken.
        Assert.Null(_fleet.BeginMove("s", "a", []));
        Assert.Null(_fleet.BeginMove("t", "a", []));
        Assert.Equal(503, _fleet.Place("v", Any, []).Status);
        // It is there before the directory knows, and nobody ends it.
        Assert.Empty(Hear("b", Session("u"), Session("s")).Heard.End);
        Assert.Equal("a", _fleet.Find("s").Worker!.Name);
        Assert.True(_fleet.EndMove("s", "b", arrived: true));
        Assert.Equal("b", _fleet.Find("s").Worker!.Name);
        // Whoever moves it tells the old worker in a moment; only when that fails does the directory.
        Assert.Empty(Hear("a", Session("s"), Session("t")).Heard.End);
        Assert.Equal(0, _fleet.View().Counts.Fenced);
        // A report that was on its way does not name it yet.
        Hear("b", Session("u"));
        Assert.Equal("b", _fleet.Find("s").Worker!.Name);
        Go(TimeSpan.FromSeconds(5), () => Hear("b", Session("u"), Session("s")));
        Assert.Equal("s", Assert.Single(Hear("a", Session("s"), Session("t")).Heard.End).Session);
    }

    [Fact]
    public void A_move_that_came_to_nothing_leaves_the_session_where_it_is_and_gives_its_place_back()
    {
        Hear("a", Session("s"), Session("t"));
        Hear("b", Session("u"));
        _fleet.Drain("a", true);
        Assert.Equal("b", _fleet.BeginMove("s", "a", [])!.To.Name);
        _fleet.EndMove("s", "b", arrived: false);
        Assert.Equal("a", _fleet.Find("s").Worker!.Name);
        Assert.Null(_fleet.BeginMove("s", "a", ["b"]));
        Assert.NotNull(_fleet.BeginMove("t", "a", []));
        Silence(() => { Hear("a", Session("s"), Session("t")); Hear("b", Session("u")); });
        Assert.Null(_fleet.BeginMove("s", "a", []));
        Assert.True(_fleet.EndMove("t", "b", arrived: false));
        for (var i = 0; i < 80; i++)
            Wait(() => { Hear("a", Session("s"), Session("t")); Hear("b", Session("u")); });
        Assert.True(_fleet.BeginMove("s", "a", [])!.Now);
    }

    [Fact]
    public void A_move_that_the_directory_does_not_know_any_more_has_not_happened()
    {
        Both();
        _fleet.Drain("a", true);
        Assert.Equal("b", _fleet.BeginMove("s", "a", [])!.To.Name);
        // It is not ended meanwhile.
        _fleet.Drain("a", false);
        // Loading a model may take as long, and then much longer.
        Go(TimeSpan.FromSeconds(80), Both);
        Assert.Equal(503, _fleet.Place("v", Any, []).Status);
        Go(TimeSpan.FromSeconds(11), Both);
        Take("v", "b");
        Assert.False(_fleet.EndMove("s", "b", arrived: true));
        Assert.Equal("a", _fleet.Find("s").Worker!.Name);
        var anew = NewDirectory();
        anew.Hear(Linked("a"), Report(Session("s")));
        Assert.False(anew.EndMove("s", "b", arrived: true));

        void Both()
        {
            Hear("a", Session("s"), Session("t"));
            Hear("b", Session("u"));
        }
    }

    [Fact]
    public void A_session_that_was_placed_anew_while_it_was_moved_is_not_where_it_was_to_go()
    {
        Hear("a", Session("s"));
        Hear("b");
        _fleet.Drain("a", true);
        Assert.Equal("b", _fleet.BeginMove("s", "a", [])!.To.Name);
        Silence(() =>
        {
            Hear("b");
            Hear("c");
        });
        Assert.Equal("c", _fleet.Replace("s", ["b"]).Worker!.Name);
        Assert.False(_fleet.EndMove("s", "b", arrived: true));
        Assert.Equal("c", _fleet.Find("s").Worker!.Name);
        Assert.Equal("s", Assert.Single(Hear("b", Session("s")).Heard.End).Session);
    }

    [Fact]
    public void A_session_that_ends_before_it_is_moved_leaves_its_place_at_once()
    {
        Hear("a", Session("s"));
        Hear("b", Session("u"));
        _fleet.Drain("a", true);
        Assert.Equal("b", _fleet.BeginMove("s", "a", [])!.To.Name);
        Assert.Equal(503, _fleet.Place("v", Any, []).Status);
        Hear("a");
        Take("v", "b");
        Assert.False(_fleet.EndMove("s", "b", arrived: false));
    }

    [Fact]
    public void A_move_that_came_to_nothing_rests_and_one_that_began_before_the_time_was_up_is_tried_once_more()
    {
        Hear("a", Session("s"));
        Hear("b");
        _fleet.Drain("a", true);
        Assert.NotNull(_fleet.BeginMove("s", "a", []));
        Assert.True(_fleet.EndMove("s", "b", arrived: false));
        // Each try may stop it for a moment; only another worker is tried at once.
        Assert.Null(_fleet.BeginMove("s", "a", []));
        Go(TimeSpan.FromSeconds(29), Both);
        Assert.False(_fleet.BeginMove("s", "a", [])!.Now);
        Go(TimeSpan.FromSeconds(2), Both);
        Assert.True(_fleet.EndMove("s", "b", arrived: false));
        Go(TimeSpan.FromSeconds(11), Both);
        Assert.True(_fleet.BeginMove("s", "a", [])!.Now);

        void Both()
        {
            Assert.Empty(Hear("a", Session("s")).Heard.End);
            Hear("b");
        }
    }

    private void Go(TimeSpan span, Action meanwhile)
    {
        for (var gone = TimeSpan.Zero; gone < span; gone += Beat)
            Wait(meanwhile);
    }
}
