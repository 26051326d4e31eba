using System.Diagnostics;

namespace TrueLive.Tests.Shared;

/// <summary>
/// Two network namespaces joined by a virtual cable, for clients that do not use the loopback address. Needs root and iproute2.
/// </summary>
internal sealed class NetworkPair : IDisposable
{
    private static readonly string Id = $"{Environment.ProcessId:x}";

    private NetworkPair()
    {
        (ServerSide, ClientSide) = ($"tls{Id}", $"tlc{Id}");
        // A /30 of the range for benchmarks (RFC 2544), which no real network uses.
        var net = Environment.ProcessId % 16384 * 4;
        string Address(int host) => $"198.{18 + net / 65536}.{net / 256 % 256}.{net % 256 + host}";
        ServerAddress = Address(1);
        Ip($"netns add {ServerSide}");
        Ip($"netns add {ClientSide}");
        Ip($"link add {ServerSide} netns {ServerSide} type veth peer name {ClientSide} netns {ClientSide}");
        foreach (var (space, address) in new[] { (ServerSide, ServerAddress), (ClientSide, Address(2)) })
        {
            Ip($"-n {space} address add {address}/30 dev {space}");
            Ip($"-n {space} link set {space} up");
            Ip($"-n {space} link set lo up");
        }
    }

    /// <summary>Namespace of the server.</summary>
    public string ServerSide { get; }

    /// <summary>Namespace of the clients.</summary>
    public string ClientSide { get; }

    /// <summary>The server's address, as clients see it.</summary>
    public string ServerAddress { get; }

    /// <summary>Creates the pair; null and the reason if that is not possible.</summary>
    public static NetworkPair? TryMake(out string reason)
    {
        reason = "";
        try
        {
            return new NetworkPair();
        }
        catch (Exception error) when (error is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            reason = $"Two network namespaces are needed (root and iproute2): {error.Message}";
            Remove();
            return null;
        }
    }

    public void Dispose() => Remove();

    private static void Ip(string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"'ip {arguments}' failed: {errors.Trim()}");
    }

    // Deleting the namespaces removes the cable too.
    private static void Remove()
    {
        foreach (var space in new[] { $"tls{Id}", $"tlc{Id}" })
        {
            if (File.Exists($"/run/netns/{space}"))
                Ip($"netns delete {space}");
        }
    }
}
