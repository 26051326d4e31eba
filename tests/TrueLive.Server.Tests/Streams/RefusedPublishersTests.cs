using System.Net;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Streams.Rtmp;

namespace TrueLive.Server.Tests.Streams;

/// <summary>What the log says of publishers that are turned away, however many come.</summary>
public sealed class RefusedPublishersTests
{
    [Fact]
    public void An_address_is_named_once_in_a_while_with_the_number_of_those_since_and_strangers_without_end_are_not()
    {
        var (time, said) = (new FakeTimeProvider(), new List<string>());
        var refused = new RefusedPublishers(time, (from, _, why) => said.Add($"{from} {why}"));
        for (var i = 0; i < 1000; i++)
            refused.Add(IPAddress.Loopback, 1935, "Wrong.");
        Assert.Equal("127.0.0.1 Wrong.", Assert.Single(said));
        refused.Add(IPAddress.IPv6Loopback, 1935, "Wrong.");
        Assert.Equal("::1 Wrong.", said[^1]);
        time.Advance(RefusedPublishers.Pause);
        refused.Add(IPAddress.Loopback, 1935, "Again.");
        Assert.Equal("127.0.0.1 Again. So were 999 more of this address since the last time that this was said.", said[^1]);
        for (var i = 0; i < 5000; i++)
            refused.Add(new IPAddress(0x0A000000 + i), 1935, "Wrong.");
        Assert.Equal(2 + RefusedPublishers.MaxAddresses, said.Count);
        time.Advance(RefusedPublishers.Pause);
        refused.Add(IPAddress.Parse("192.0.2.1"), 1935, "Later.");
        Assert.Equal("192.0.2.1 Later.", said[^1]);
    }
}
