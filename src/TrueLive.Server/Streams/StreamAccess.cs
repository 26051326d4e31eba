using System.Globalization;
using System.Net;
using System.Net.Sockets;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Streams;

/// <summary>
/// What the operator allows streams to reach: hosts (checked as for clips), ports to listen on, files of one folder, devices. What somebody
/// typed on the command line of this machine is allowed as it stands.
/// </summary>
internal sealed class StreamAccess(ServerOptions options, ApiKeyRing ring) : IDisposable
{
    private const int FirstFreePort = 1024;
    private readonly OutboundHosts _hosts = new(options.StreamHosts, "stream_hosts");

    // Whoever reaches a server without keys sits at this machine.
    private bool IsOwners => !ring.Required && OptionsReader.IsLoopback(options.Host);

    /// <summary>Checks an address and finds out where it leads now.</summary>
    /// <param name="address">What was asked for.</param>
    /// <param name="output">Whether it is to be sent to.</param>
    /// <param name="trusted">It was typed on this machine's command line.</param>
    /// <param name="cancel">Ends the wait for the name server.</param>
    /// <exception cref="RequestRefusedException">422: it may not be used, or leads nowhere; the words hold nothing secret.</exception>
    public async Task<StreamPlace> OpenAsync(StreamAddress address, bool output, bool trusted, CancellationToken cancel) =>
        address.Kind switch
        {
            StreamKind.File => new StreamPlace(address, null, output ? Recording(address.Path, trusted) : Source(address.Path, trusted)),
            StreamKind.Device => new StreamPlace(address, null, Device(address.Path, trusted)),
            StreamKind.SrtListen or StreamKind.RtmpListen => new StreamPlace(address, Listen(address.Port, trusted), null),
            StreamKind.Hls when output => new StreamPlace(address, null, null),
            _ => new StreamPlace(address, await ConnectAsync(address, trusted, cancel).ConfigureAwait(false), null),
        };

    /// <summary>Hosts that a source may be fetched from; the caller disposes it.</summary>
    public OutboundHosts HostsOf(StreamAddress address, bool trusted) =>
        new(trusted || MayAll(options.StreamHosts) ? ["*", address.Host] : options.StreamHosts, "stream_hosts");

    public void Dispose() => _hosts.Dispose();

    private bool MayAll(string[] setting) => setting.Length == 0 && IsOwners;

    private async Task<IPAddress> ConnectAsync(StreamAddress address, bool trusted, CancellationToken cancel)
    {
        var any = trusted || MayAll(options.StreamHosts);
        if (!any && _hosts.RefuseHost(address.Host) is { } refused)
            throw Refuse(refused);
        try
        {
            var asked = any ? Dns.GetHostAddressesAsync(address.Host, cancel) : _hosts.ResolveAsync(address.Host, cancel);
            var all = await asked.ConfigureAwait(false);
            return all.OrderBy(a => a.AddressFamily == AddressFamily.InterNetworkV6).FirstOrDefault()
                ?? throw Refuse($"The host '{address.Host}' has no address.");
        }
        catch (HostRefusedException refusal)
        {
            throw Refuse(refusal.Message);
        }
        catch (SocketException unknown)
        {
            throw Refuse($"The host '{address.Host}' is not known: {unknown.Message}.");
        }
    }

    private IPAddress Listen(int port, bool trusted)
    {
        var named = options.StreamPorts.Contains(port.ToString(CultureInfo.InvariantCulture));
        var allowed = trusted || (MayAll(options.StreamPorts) ? port >= FirstFreePort : named);
        if (!allowed)
            throw Refuse($"The operator has not allowed streams to listen on port {port} (stream_ports).");
        return options.Host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(options.Host);
    }

    private string Device(string path, bool trusted)
    {
        if (!trusted && !options.StreamDevices.Contains(path))
            throw Refuse($"The operator has not allowed streams to use {path} (stream_devices).");
        return System.IO.File.Exists(path) ? path : throw Refuse($"There is no {path} on this machine.");
    }

    private string Source(string name, bool trusted)
    {
        var file = new FileInfo(trusted ? name : InFolder(name));
        if (!file.Exists || (!trusted && file.LinkTarget is not null))
            throw Refuse(trusted ? $"There is no file {name}." : $"There is no file '{name}' in the operator's folder (stream_folder).");
        return file.FullName;
    }

    // Never over a file that is there: the recording of a stream that broke off goes on in the next one.
    private string Recording(string name, bool trusted)
    {
        var wanted = System.IO.Path.GetFullPath(trusted ? name : InFolder(name));
        if (!Directory.Exists(System.IO.Path.GetDirectoryName(wanted)))
            throw Refuse($"There is no folder for {name}.");
        for (var part = 1; part < 10_000; part++)
        {
            var file = part == 1 ? wanted : $"{wanted[..^4]}-{part}{wanted[^4..]}";
            if (!Path.Exists(file))
                return file;
        }
        throw Refuse("There are 10,000 recordings of this name. Choose another.");
    }

    private string InFolder(string name)
    {
        if (options.StreamFolder.Length == 0)
            throw Refuse("The operator has not allowed streams to use files (stream_folder).");
        return name.Length <= 128 && name[0] != '.' && !name.Contains('/', StringComparison.Ordinal)
            ? System.IO.Path.Combine(options.StreamFolder, name)
            : throw Refuse("Name a file of the operator's folder by its name alone, with 128 characters at most.");
    }

    private static RequestRefusedException Refuse(string words) => new(StatusCodes.Status422UnprocessableEntity, words);
}
