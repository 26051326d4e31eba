using System.Globalization;
using System.Net;
using System.Net.Sockets;
using TrueLive.Media.Files;
using TrueLive.Media.Streams;

namespace TrueLive.Probe.Targets;

/// <summary>
/// A program on this machine that takes a stream and passes it on as it is: what a target is when it does nothing. Where HLS comes back
/// from the target, MPEG-TS in datagrams comes back from here: waiting for segments is a property of the service.
/// </summary>
internal sealed class StreamRelay : IAsyncDisposable
{
    // Ports below those that the system gives to whoever asks for any.
    private const int FirstPort = 10_000;
    private const int EndPort = 32_768;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan ProcessorTime = TimeSpan.FromHours(1);

    private readonly string[] _arguments;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    private StreamRelay(string[] arguments, TimeProvider time)
    {
        (_arguments, _time) = (arguments, time);
        _running = Task.Run(() => RunAsync(_stop.Token));
    }

    /// <summary>The way through a relay, over the protocols of these legs.</summary>
    public static StreamTarget Echo(StreamLeg to, StreamLeg from, TimeProvider time, TimeSpan patience)
    {
        var (there, back) = (FreePort(), FreePort());
        string[] arguments =
        [
            "-loglevel", "error", "-nostats", "-fflags", "nobuffer", .. StreamArguments.Awaited(Place(to.Address, there, awaited: true)),
            "-map", "0:V:0", "-c", "copy", "-flush_packets", "1", .. StreamArguments.Output(Place(from.Address, back, awaited: false)),
        ];
        return new StreamTarget(
            new StreamLeg(Place(to.Address, there, awaited: false).Address, IPAddress.Loopback, StreamArguments.Output),
            new StreamLeg(Place(from.Address, back, awaited: true).Address, IPAddress.Loopback, StreamArguments.Awaited),
            time, patience, new StreamRelay(arguments, time));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync(CancellationToken stop)
    {
        // Each side may come before the other is there.
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using var child = FfmpegChild.Start("ffmpeg", _arguments, ProcessorTime, reach: new ChildReach(Network: true));
                await child.WaitAsync(stop).ConfigureAwait(false);
            }
            catch (Exception over) when (over is OperationCanceledException or MediaException)
            {
                // Without ffmpeg, those who send and receive say so.
            }
            await Task.Delay(Pause, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static StreamPlace Place(StreamAddress like, int port, bool awaited)
    {
        var latency = like.Latency is { } held ? string.Create(CultureInfo.InvariantCulture, $"latency={held}") : "";
        var text = like.Kind switch
        {
            StreamKind.Rtmp => $"rtmp://127.0.0.1:{port}/echo/probe",
            StreamKind.Rtsp => $"rtsp://127.0.0.1:{port}/echo",
            StreamKind.Srt or StreamKind.SrtListen when awaited => $"srt://:{port}?mode=listener&{latency}",
            StreamKind.Srt or StreamKind.SrtListen => $"srt://127.0.0.1:{port}?{latency}",
            _ => $"udp://127.0.0.1:{port}",
        };
        return new StreamPlace(StreamAddress.Parse(text, output: !awaited, out _, measured: true)!, IPAddress.Loopback, null);
    }

    private static int FreePort()
    {
        while (true)
        {
            var port = Random.Shared.Next(FirstPort, EndPort);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                using var socket = new UdpClient(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException)
            {
                // Somebody uses it.
            }
        }
    }
}
