using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Capacity;

namespace TrueLive.Server.Tests.Capacity;

/// <summary>The line of those who wait for a place, in virtual time.</summary>
public sealed class WaitingLineTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Who_goes_away_leaves_the_line_and_the_others_move_up()
    {
        var line = NewLine(longest: 10);
        var (first, second) = (Join(line), Join(line));
        Assert.Equal((1, 2), (first.Stand!.Position, second.Stand!.Position));
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(2, Ask(line, second.Stand.Ticket).Stand!.Position);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal((1, 1), Ask(line, second.Stand.Ticket).Stand is var moved ? (moved!.Position, moved.Waiting) : default);
        line.Leave(second.Stand.Ticket);
        Assert.Equal(0, line.Waiting);
    }

    [Fact]
    public void A_line_is_bounded_in_length_in_time_and_for_each_client()
    {
        var line = NewLine(longest: 3, perClient: 2);
        var mine = Join(line, "me").Stand!;
        Join(line, "me");
        Assert.Contains("2 requests of yours", Join(line, "me").Words, StringComparison.Ordinal);
        Join(line, "other");
        Assert.Contains("full, too", Join(line, "third").Words, StringComparison.Ordinal);
        // Those who wait already are told where they are all the same.
        Assert.Equal(1, Ask(line, mine.Ticket, "me").Stand!.Position);
        for (var waited = TimeSpan.Zero; waited < TimeSpan.FromMinutes(29); waited += TimeSpan.FromMinutes(1))
        {
            _time.Advance(TimeSpan.FromMinutes(1));
            Assert.NotNull(Ask(line, mine.Ticket, "me").Stand);
        }
        _time.Advance(TimeSpan.FromMinutes(1.5));
        Assert.Contains("30 minutes", Ask(line, mine.Ticket, "me").Words, StringComparison.Ordinal);
        Assert.NotEqual(mine.Ticket, Ask(line, mine.Ticket, "me").Stand!.Ticket);
        Assert.Null(Join(NewLine(longest: 0)).Stand);
    }

    [Fact]
    public void A_client_that_cannot_see_the_answer_does_not_join()
    {
        var line = NewLine(longest: 3);
        Assert.Null(line.Wait(new LineClaim(null, "me", Joins: false), "x", 1, _ => true).Stand);
        var ticket = Join(line).Stand!.Ticket;
        Assert.Equal(1, line.Wait(new LineClaim(ticket, "me", Joins: false), "x", 1, _ => true).Stand!.Position);
    }

    [Fact]
    public void What_the_estimate_is_made_from_is_said_and_too_little_is_no_estimate()
    {
        var line = NewLine(longest: 10);
        line.Turnover.Runs(2);
        for (var i = 0; i < PlaceTurnover.Enough; i++)
        {
            Assert.Equal((null, i), Join(line).Stand is var unknown ? (unknown!.Estimate, unknown.Ended) : default);
            line.Leave(unknown!.Ticket);
            _time.Advance(TimeSpan.FromSeconds(30));
            // One that was over at once says nothing.
            line.Turnover.End(TimeSpan.FromMilliseconds(100));
            line.Turnover.End(TimeSpan.FromSeconds(60));
        }
        // Two places, of which one becomes free every half minute.
        Assert.Equal(TimeSpan.FromSeconds(30), Join(line).Stand!.Estimate);
        Assert.Equal(TimeSpan.FromSeconds(60), Join(line).Stand!.Estimate);
        // Nobody has ended since: the longer the others run, the longer it takes.
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.True(Join(line).Stand!.Estimate > TimeSpan.FromSeconds(90));
    }

    [Fact]
    public void Whatever_happens_the_line_keeps_its_order_and_a_ticket_is_good_for_one_place()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var line = NewLine(longest: 12, perClient: 12);
            // What the line must look like, in order.
            var model = new List<string>();
            var served = new Dictionary<string, (string Ticket, int At)>();
            for (var step = 0; step < 200; step++)
            {
                var someone = model.Count > 0 ? model[random.Next(model.Count)] : "nobody";
                switch (random.Next(6))
                {
                    case 0:
                        if (Join(line).Stand is { } joined)
                        {
                            Assert.Equal(model.Count + 1, joined.Position);
                            model.Add(joined.Ticket);
                        }
                        else
                        {
                            Assert.Equal(12, model.Count + served.Count);
                        }
                        break;
                    case 1 when model.Count > 0:
                        Assert.Equal(model.IndexOf(someone) + 1, Ask(line, someone).Stand!.Position);
                        break;
                    case 2 when line.Ahead(someone).Count == 0 && model.Count > 0:
                        Assert.Equal(model[0], someone);
                        line.Serve(someone, "session" + step);
                        served["session" + step] = (someone, step);
                        model.Remove(someone);
                        Assert.Null(Ask(line, someone).Stand);
                        break;
                    case 3 when served.Count > 0:
                        var (session, (ticket, _)) = served.MaxBy(s => s.Value.At);
                        var made = random.Next(2) == 0;
                        line.Settle(session, made);
                        served.Remove(session);
                        if (!made)
                            model.Insert(0, ticket);
                        break;
                    case 4:
                        line.Leave(someone);
                        model.Remove(someone);
                        break;
                    default:
                        Assert.Equal((model.Count, model.Count), (line.Waiting, line.Ahead(null).Count));
                        break;
                }
            }
        }
    }

    private WaitingLine<string> NewLine(int longest, int perClient = 8) => new(longest, perClient, TimeSpan.FromMinutes(30), _time);

    private static LineAnswer Join(WaitingLine<string> line, string client = "me") => Ask(line, null, client);

    private static LineAnswer Ask(WaitingLine<string> line, string? ticket, string client = "me") =>
        line.Wait(new LineClaim(ticket, client, Joins: true), "ask", 2, _ => true);
}
