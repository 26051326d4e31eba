using Microsoft.Extensions.Time.Testing;
using TrueLive.Fleet.Grains;
using TrueLive.Fleet.Placement;
using TrueLive.Server.Fleet;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Fleet.Tests;

/// <summary>Which worker has which session, over losses and returns, in virtual time.</summary>
public sealed partial class FleetDirectoryTests
{
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(400);
    private static readonly SessionAsk Any = new(null, null);

    private readonly FakeTimeProvider _time = new();
    private readonly FleetDirectory _fleet;

    public FleetDirectoryTests()
    {
        _fleet = NewDirectory();
        _time.Advance(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public void A_session_of_a_worker_that_is_silent_is_placed_anew_as_it_was_and_the_worker_is_told_when_it_is_back()
    {
        Hear("a");
        Take("s", "a");
        var session = Session("s") with { Prompt = "ink", Revision = 7, Epoch = 2 };
        Hear("a", session);
        Hear("b");
        Silence(() => Hear("b"));
        Assert.Equal(SessionPlace.Lost, _fleet.Find("s").Place);
        var taken = _fleet.Replace("s", []);
        Assert.Equal(("b", session), (taken.Worker!.Name, taken.Restore));
        Assert.InRange(taken.SilentMs, 1200, 2400);
        Assert.Empty(Hear("b", session with { Epoch = 3 }).Heard.End);
        Assert.Equal("b", _fleet.Find("s").Worker!.Name);
        Assert.Equal("s", Assert.Single(Hear("a", session).Heard.End).Session);
        Assert.Equal("b", _fleet.Find("s").Worker!.Name);
    }

    [Fact]
    public void A_worker_that_was_cut_off_keeps_the_sessions_that_nobody_asked_for_meanwhile()
    {
        Hear("a", Session("s"));
        Hear("b");
        Silence(() => Hear("b"));
        Assert.Equal(SessionPlace.Lost, _fleet.Find("s").Place);
        Assert.Empty(Hear("a", Session("s")).Heard.End);
        Assert.Equal("a", _fleet.Find("s").Worker!.Name);
    }

    [Fact]
    public void A_process_that_began_anew_has_lost_its_sessions_and_two_of_one_name_are_told_apart()
    {
        Hear("a", Session("s"));
        Assert.Contains("linked already", _fleet.Hear(Linked("a", "other run"), Report()).Refused, StringComparison.Ordinal);
        Silence(() => { });
        Assert.Null(_fleet.Hear(Linked("a", "other run"), Report()).Refused);
        Assert.Equal(SessionPlace.Lost, _fleet.Find("s").Place);
        Assert.Equal("other run", _fleet.Replace("s", []).Worker!.Run);
    }

    [Fact]
    public void A_worker_cannot_take_over_what_another_one_has()
    {
        Hear("a", Session("s"));
        Assert.Equal("s", Assert.Single(Hear("liar", Session("s")).Heard.End).Session);
        Silence(() => Hear("liar"));
        // Not even when the other one is lost: only who is chosen goes on with it.
        Assert.Equal("s", Assert.Single(Hear("liar", Session("s")).Heard.End).Session);
    }

    [Fact]
    public void A_place_counts_at_once_and_is_given_back_when_no_session_comes_of_it()
    {
        Hear("a");
        Take("s", "a");
        Take("t", "a");
        Assert.Equal((503, 2, 2), _fleet.Place("u", Any, []) is var full ? (full.Status, full.Capacity, full.Running) : default);
        _fleet.Release("t");
        Take("v", "a");
        // Neither was ever reported: their requests are long over.
        for (var waited = TimeSpan.Zero; waited <= FleetDirectory.PlaceTime; waited += Beat)
            Wait(() => Hear("a"));
        Take("w", "a");
        Take("x", "a");
    }

    [Fact]
    public void A_session_that_was_over_before_it_was_reported_leaves_its_place()
    {
        Hear("a");
        Take("s", "a");
        _fleet.Made("s");
        // A report that was on its way when it was made.
        Hear("a");
        Assert.Equal(SessionPlace.Here, _fleet.Find("s").Place);
        for (var i = 0; i < 3; i++)
            Wait(() => Hear("a"));
        Take("t", "a");
        Take("u", "a");
    }

    [Fact]
    public void A_session_that_could_not_be_placed_anew_waits_for_its_next_try_and_not_for_ever()
    {
        Hear("a", Session("s"));
        Hear("b");
        Silence(() => Hear("b"));
        Assert.Equal("b", _fleet.Replace("s", []).Worker!.Name);
        _fleet.Release("s");
        Assert.Equal(SessionPlace.Lost, _fleet.Find("s").Place);
        Assert.Equal(503, _fleet.Replace("s", ["b"]).Status);
        Assert.Equal("b", _fleet.Replace("s", []).Worker!.Name);
        _fleet.Release("s");
        for (var waited = TimeSpan.Zero; waited <= TimeSpan.FromSeconds(61); waited += Beat)
            Wait(() => Hear("b"));
        Assert.Equal(SessionPlace.Unknown, _fleet.Find("s").Place);
    }

    [Fact]
    public void A_session_that_its_worker_does_not_name_any_more_is_over()
    {
        Hear("a", Session("s"), Session("t"));
        Hear("a", Session("t"));
        _time.Advance(TimeSpan.FromSeconds(3));
        Hear("a", Session("t"));
        Assert.Equal((SessionPlace.Unknown, SessionPlace.Here), (_fleet.Find("s").Place, _fleet.Find("t").Place));
    }

    [Fact]
    public void A_directory_that_begins_anew_learns_all_from_the_next_reports()
    {
        var moved = NewDirectory();
        Assert.Equal(SessionPlace.Waking, moved.Find("s").Place);
        Assert.Contains("just begun", moved.Place("u", Any, []).Words, StringComparison.Ordinal);
        moved.Hear(Linked("a"), Report(Session("s"), Session("t")));
        Assert.Equal("a", moved.Find("s").Worker!.Name);
        Assert.Equal(503, moved.Place("u", Any, []).Status);
    }

    [Fact]
    public void However_long_a_worker_may_be_silent_a_new_directory_soon_says_what_it_knows()
    {
        var patient = new FleetDirectory(_time, TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(30), NewLine());
        patient.Hear(Linked("a"), Report(Session("s"), Session("t")));
        Assert.Contains("just begun", patient.Place("u", Any, []).Words, StringComparison.Ordinal);
        _time.Advance(FleetDirectory.WakeTime);
        Assert.Equal((2, 2), patient.Place("u", Any, []) is var full ? (full.Capacity, full.Running) : default);
        Assert.Equal(SessionPlace.Unknown, patient.Find("v").Place);
    }

    [Fact]
    public void A_drained_worker_gets_nothing_new_and_its_sessions_have_a_while_to_end()
    {
        Hear("a", Session("s"));
        Assert.False(_fleet.Drain("nobody", true));
        Assert.True(_fleet.Drain("a", true));
        Assert.Equal((503, true), _fleet.Place("t", Any, []) is var refused
            ? (refused.Status, refused.Words.Contains("drained", StringComparison.Ordinal)) : default);
        Assert.Equal((true, 0), Hear("a", Session("s")).Heard is var soon ? (soon.Draining, soon.End.Count) : default);
        _time.Advance(TimeSpan.FromSeconds(31));
        // It is moved first, if there is anywhere to go.
        Assert.Empty(Hear("a", Session("s")).Heard.End);
        Assert.Null(_fleet.BeginMove("s", "a", []));
        Assert.Equal("s", Assert.Single(Hear("a", Session("s")).Heard.End).Session);
        // Its client comes back, and another worker goes on.
        Hear("a");
        Hear("b");
        Assert.Equal(("b", "s"), _fleet.Replace("s", []) is var moved ? (moved.Worker?.Name, moved.Restore?.Id) : default);
        _fleet.Drain("a", false);
        Assert.False(Hear("a").Heard.Draining);
        Take("t", "a");
    }

    [Fact]
    public void The_sessions_of_a_worker_that_stops_can_be_placed_at_once()
    {
        Hear("a", Session("s"));
        Hear("b");
        _fleet.Leave("a", "run of another");
        Assert.Equal(SessionPlace.Here, _fleet.Find("s").Place);
        _fleet.Leave("a", "run of a");
        Assert.Equal("b", _fleet.Replace("s", []).Worker!.Name);
        Assert.Equal("stopped", _fleet.View().Workers[0].State);
    }

    private FleetDirectory NewDirectory() => new(_time, TimeSpan.FromMilliseconds(1200), TimeSpan.FromSeconds(30), NewLine());

    private void Take(string session, string worker) => Assert.Equal(worker, _fleet.Place(session, Any, []).Worker?.Name);

    private ReportAnswer Hear(string name, params KeptSession[] sessions) => _fleet.Hear(Linked(name), Report(sessions));

    // Longer than a worker may be silent; the others go on.
    private void Silence(Action others)
    {
        for (var i = 0; i < 4; i++)
            Wait(others);
    }

    private void Wait(Action meanwhile)
    {
        _time.Advance(Beat);
        meanwhile();
    }

    private static LinkedWorker Linked(string name, string? run = null) =>
        new(name, run ?? "run of " + name, "0.1.0", "http://127.0.0.1:1", null, "", null);

    private static WorkerReport Report(params KeptSession[] sessions) =>
        new(true, 2, "ink", "64x64", 60, [new OfferedModel("ink", true, [])], sessions);

    private KeptSession Session(string id) => new(
        id, id + ".token", "local", "ink", "64x64", "", 1, new Dictionary<string, string>(), 0, 0, false, _time.GetUtcNow(), "live", 0, 0);
}
