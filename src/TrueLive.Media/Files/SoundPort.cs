using System.Net.Sockets;

namespace TrueLive.Media.Files;

/// <summary>
/// Takes the sound of a source from its ffmpeg child, beside the pictures in its standard output: a Unix socket in a folder of its own that
/// the child reaches from within its sandbox. A child that has no sound never connects.
/// </summary>
internal sealed class SoundPort : IDisposable
{
    private const string Name = "sound";

    private readonly Socket _listener = Listener();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("truelive-sound-");
    private readonly CancellationTokenSource _stop = new();

    /// <exception cref="MediaMachineException">No socket can be had.</exception>
    public SoundPort(SoundHandler heard)
    {
        try
        {
            _listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(_folder.FullName, Name)));
            _listener.Listen(1);
        }
        catch (Exception error) when (error is SocketException or ArgumentException)
        {
            Dispose();
            throw NotTaken(error);
        }
        _ = HearAsync(new OggPackets(heard), _stop.Token);
    }

    /// <summary>The folder in which the child finds it.</summary>
    public string Folder => _folder.FullName;

    /// <summary>
    /// The arguments of the second output. Without a stream an output is an error, so it has a picture of four samples each second, too,
    /// which goes nowhere; and it must not wait for that one.
    /// </summary>
    public static IReadOnlyList<string> Output { get; } =
    [
        "-map", "0:V:0", "-map", "0:a:0?", "-max_interleave_delta", "1",
        "-vf", "select='not(mod(n,30))',scale=2:2,format=gray", "-c:v", "rawvideo", "-fps_mode", "passthrough",
        "-c:a", "libopus", "-ac", "2", "-ar", "48000", "-b:a", "128k",
        "-f", "tee", $"[select=v:f=null]-|[select=a:f=ogg:page_duration=20000:flush_packets=1:onfail=ignore]unix:{Name}",
    ];

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _folder.Delete(recursive: true);
    }

    private static Socket Listener()
    {
        try
        {
            return new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        }
        catch (SocketException error)
        {
            throw NotTaken(error);
        }
    }

    private static MediaMachineException NotTaken(Exception error) =>
        new($"The sound of a source cannot be taken: {error.Message}", (error as SocketException)?.NativeErrorCode ?? 0, error);

    private async Task HearAsync(OggPackets packets, CancellationToken stop)
    {
        try
        {
            using var child = await _listener.AcceptAsync(stop).ConfigureAwait(false);
            var bytes = new byte[4096];
            while (await child.ReceiveAsync(bytes, stop).ConfigureAwait(false) is > 0 and var count)
                packets.Add(bytes.AsSpan(0, count));
        }
        catch (Exception error) when (
            error is OperationCanceledException or SocketException or ObjectDisposedException or InvalidDataException)
        {
            // The pictures go on without sound, and the source with its child.
        }
    }
}
