using System.Security.Cryptography;
using CsCheck;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Access;

namespace TrueLive.Fleet.Tests;

/// <summary>What a gateway's ticket opens on a worker, and what it does not.</summary>
public sealed class TicketTests
{
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(GatewayTicket.KeyLength);
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 30, 0, 0, 0, TimeSpan.Zero));
    private readonly FleetTickets _tickets;

    public TicketTests()
    {
        _tickets = new FleetTickets(_time);
        _tickets.Begin("gpu-1", _key, _time.GetUtcNow());
    }

    [Theory]
    [InlineData("/v1/sessions/s1")]
    [InlineData("/whip/s1/connection")]
    [InlineData("/whep/s1")]
    [InlineData("/v1/live")]
    public void A_ticket_opens_its_session_on_its_worker_while_it_lasts(string path)
    {
        Assert.Equal("key-1", Of(path, Ticket())?.Owner);
        Assert.Null(Of(path, Ticket() with { Worker = "gpu-2" }));
        _time.Advance(GatewayTicket.Lasts);
        Assert.Null(Of(path, Ticket() with { Expires = new DateTimeOffset(2026, 11, 30, 0, 0, 30, TimeSpan.Zero).ToUnixTimeSeconds() }));
    }

    [Theory]
    [InlineData("/v1/sessions/s2")]
    [InlineData("/v1/sessions/s2/journal")]
    [InlineData("/whip/s2")]
    [InlineData("/whep/s2/viewer")]
    [InlineData("/WHIP/s2")]
    public void A_ticket_opens_no_other_session(string path) => Assert.Null(Of(path, Ticket()));

    [Fact]
    public void A_ticket_of_the_link_before_opens_nothing()
    {
        var old = Ticket().Sign(_key);
        _tickets.Begin("gpu-1", RandomNumberGenerator.GetBytes(GatewayTicket.KeyLength), _time.GetUtcNow());
        Assert.Null(Of("/v1/live", old));
    }

    [Fact]
    public void Clocks_that_differ_by_minutes_do_not_matter()
    {
        _tickets.Begin("gpu-1", _key, _time.GetUtcNow() + TimeSpan.FromMinutes(5));
        Assert.Null(Of("/v1/live", Ticket()));
        Assert.NotNull(Of("/v1/live",
            Ticket() with { Expires = (_time.GetUtcNow() + TimeSpan.FromMinutes(5) + GatewayTicket.Lasts).ToUnixTimeSeconds() }));
    }

    [Fact]
    public void No_change_of_a_single_character_goes_unnoticed()
    {
        var ticket = Ticket().Sign(_key);
        Gen.Select(Gen.Int[0, ticket.Length - 1], Gen.Char.AlphaNumeric).Sample((at, c) =>
        {
            var changed = ticket[..at] + c + ticket[(at + 1)..];
            // The last character of a hash holds bits that do not count.
            Assert.True(changed == ticket || at == ticket.Length - 1 || Of("/v1/live", changed) is null, changed);
        });
    }

    [Fact]
    public void Two_tickets_in_one_request_are_none()
    {
        var request = Request("/v1/live");
        request.Headers[GatewayTicket.Header] = new[] { Ticket().Sign(_key), Ticket().Sign(_key) };
        Assert.Null(_tickets.Of(request));
    }

    private GatewayTicket Ticket() => new("gpu-1", "s1", "key-1", "studio", false,
        (_time.GetUtcNow() + GatewayTicket.Lasts).ToUnixTimeSeconds());

    private GatewayTicket? Of(string path, GatewayTicket ticket) => Of(path, ticket.Sign(_key));

    private GatewayTicket? Of(string path, string ticket)
    {
        var request = Request(path);
        request.Headers[GatewayTicket.Header] = ticket;
        return _tickets.Of(request);
    }

    private static HttpRequest Request(string path) => new DefaultHttpContext { Request = { Path = path } }.Request;
}
