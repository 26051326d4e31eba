using System.Net;
using TrueLive.WebRtc.Transport;

namespace TrueLive.WebRtc.Tests.Transport;

public sealed class LocalAddressesTests
{
    [Fact]
    public void Of_many_interfaces_those_with_a_way_out_come_first_and_bridges_of_containers_before_loopback_alone()
    {
        var all = new List<(IPAddress, int)> { Ranked("lo", "127.0.0.1", false), Ranked("lo", "::1", false) };
        for (var i = 0; i < 20; i++)
            all.Add(Ranked(i % 2 == 0 ? $"br-{i:x12}" : $"vlan{i}", $"172.{16 + i}.0.1", false));
        all.Add(Ranked("docker0", "172.17.0.1", false));
        all.Add(Ranked("eth0", "2001:db8::7", true));
        all.Add(Ranked("eth0", "192.0.2.7", true));
        var announced = LocalAddresses.Order(all);
        Assert.Equal(LocalAddresses.Max, announced.Count);
        Assert.Equal(["192.0.2.7", "2001:db8::7", "172.17.0.1"], announced.Take(3).Select(a => a.ToString()));
        Assert.DoesNotContain(announced, a => a.ToString() is "172.16.0.1" or "127.0.0.1");
    }

    [Fact]
    public void A_machine_of_its_own_addresses_alone_announces_them()
    {
        var announced = LocalAddresses.Order([Ranked("lo", "127.0.0.1", false), Ranked("docker0", "172.17.0.1", false)]);
        Assert.Equal(["172.17.0.1", "127.0.0.1"], announced.Select(a => a.ToString()));
    }

    private static (IPAddress, int) Ranked(string name, string address, bool gateway) =>
        (IPAddress.Parse(address), LocalAddresses.Rank(name, IPAddress.Parse(address), gateway));
}
