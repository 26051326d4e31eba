using System.Net;
using System.Net.Sockets;
using TrueLive.Media.Streams;

namespace TrueLive.Probe.Targets;

/// <summary>One of the two ways between the probe and what it measures.</summary>
/// <param name="Address">Where it leads.</param>
/// <param name="At">The number to use; null asks the name server each time.</param>
/// <param name="Arguments">What ffmpeg is told of the place.</param>
internal sealed record StreamLeg(StreamAddress Address, IPAddress? At, Func<StreamPlace, string[]> Arguments)
{
    private static readonly StreamKind[] Taken = [StreamKind.Rtmp, StreamKind.Srt, StreamKind.SrtListen, StreamKind.Rtsp, StreamKind.Udp];

    /// <summary>The way to the target.</summary>
    /// <exception cref="FormatException">The address cannot be used; the message holds nothing of it.</exception>
    public static StreamLeg To(string text) =>
        StreamAddress.Parse(text, output: true, out var problem, measured: true) is { } address && Taken.Contains(address.Kind)
            ? new StreamLeg(address, null, StreamArguments.Output)
            : throw new FormatException($"--send: {problem}");

    /// <summary>The way back.</summary>
    /// <exception cref="FormatException">The address cannot be used; the message holds nothing of it.</exception>
    public static StreamLeg From(string text) =>
        StreamAddress.Parse(text, output: false, out var problem, measured: true) is { } address
            && (Taken.Contains(address.Kind) || address.Kind == StreamKind.Hls)
            ? new StreamLeg(address, null, StreamArguments.Input)
            : throw new FormatException($"--receive: {problem}");

    /// <summary>Where it leads now.</summary>
    /// <exception cref="TargetException">Its host is not known.</exception>
    public async Task<StreamPlace> FindAsync(CancellationToken cancel)
    {
        if (At is not null || Address.Listens)
            return new StreamPlace(Address, At ?? IPAddress.Any, null);
        try
        {
            var all = await Dns.GetHostAddressesAsync(Address.Host, cancel).ConfigureAwait(false);
            return new StreamPlace(Address, all.OrderBy(a => a.AddressFamily == AddressFamily.InterNetworkV6).First(), null);
        }
        catch (Exception unknown) when (unknown is SocketException or InvalidOperationException)
        {
            throw new TargetException($"The host '{Address.Host}' is not known: {unknown.Message}", unknown);
        }
    }
}
