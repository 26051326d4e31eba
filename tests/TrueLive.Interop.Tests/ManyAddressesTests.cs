using System.Diagnostics;

namespace TrueLive.Interop.Tests;

/// <summary>Servers with several addresses, each in its own network namespace, with a client that reaches only one of them.</summary>
public sealed class ManyAddressesTests
{
    private const string Client = "aiortc_client.py";

    [Fact]
    public Task A_client_that_reaches_one_of_twenty_interfaces_gets_its_pictures() => ProveAsync(network =>
    {
        // Nobody answers on the others.
        for (var i = 0; i < 10; i++)
        {
            Ip($"-n {network.ServerSide} link add v{i} type veth peer name w{i}");
            foreach (var (name, third) in new[] { ($"v{i}", 2 * i), ($"w{i}", 2 * i + 1) })
            {
                Ip($"-n {network.ServerSide} address add 10.77.{third}.1/24 dev {name}");
                Ip($"-n {network.ServerSide} link set {name} up");
            }
        }
        return (["--host", "0.0.0.0"], network.ServerAddress);
    });

    [Fact]
    public Task Where_there_is_only_IPv6_pictures_come_over_it() => ProveAsync(network =>
    {
        foreach (var (space, host) in new[] { (network.ServerSide, 1), (network.ClientSide, 2) })
        {
            Ip($"-n {space} -4 address flush dev {space}");
            Ip($"-n {space} address add fd77::{host}/64 dev {space} nodad");
        }
        return (["--host", "::"], "[fd77::1]");
    });

    [Fact]
    public Task Behind_addresses_that_the_client_does_not_reach_its_own_is_used() => ProveAsync(network =>
    {
        Ip($"-n {network.ServerSide} address add 10.77.0.1/24 dev {network.ServerSide}");
        return (["--host", "0.0.0.0", "--webrtc-addresses", "203.0.113.5,2001:db8::5,local"], network.ServerAddress);
    });

    private static async Task ProveAsync(Func<NetworkPair, (string[] Flags, string Host)> arrange)
    {
        using var network = NetworkPair.TryMake(out var reason);
        if (network is null)
        {
            Assert.Skip(reason);
            return;
        }
        var (flags, host) = arrange(network);
        await using var server = await ServerProcess.StartInAsync(network.ServerSide, ["--insecure", .. flags]);
        await ForeignClient.ProveAsync(Client, "H264", $"http://{host}:{new Uri(server.Address).Port}", network.ClientSide);
    }

    private static void Ip(string arguments)
    {
        using var process = Process.Start("ip", arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
