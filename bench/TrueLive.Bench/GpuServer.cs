using TrueLive.Core.Frames;
using TrueLive.WebRtc.Peers;
using TrueLive.WebRtc.Whip;

namespace TrueLive.Bench;

/// <summary>
/// The pipeline behind a server of its own: the delay from a picture being taken to its made one being decoded by a native client, over
/// WebRTC on this machine. A camera and a display, which would add theirs, are not part of it.
/// </summary>
internal static class GpuServer
{
    private const int Wanted = 300;
    private static readonly TimeProvider Time = TimeProvider.System;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <returns>A sentence: the figures, or why there are none.</returns>
    public static async Task<string> DelayAsync(string shapes, int side, string device, string data)
    {
        var folder = Directory.CreateTempSubdirectory("truelive-gpu-server-").FullName;
        try
        {
            // A data folder of its own, with the GPU runtime of the other.
            Directory.CreateSymbolicLink(Path.Combine(folder, "gpu-runtime"), Path.Combine(Path.GetFullPath(data), "gpu-runtime"));
            var model = Path.Combine(folder, "models-here", "sd-shapes");
            DiffusionBench.Copy(Path.Combine(shapes, "pipeline"), model, """{ "steps": [35] }""");
            await using var server = await ServerProcess.StartAsync("--models-folder", Path.Combine(folder, "models-here"), "--model",
                "sd-shapes", "--size", $"{side}x{side}", "--device", device, "--data-folder", folder, "--keep-seconds", "1")
                .ConfigureAwait(false);
            var scene = await NativeCaller.SceneAsync(512, 512).ConfigureAwait(false);
            await using var caller = await NativeCaller.StartAsync(
                new Uri($"{server.Address}/whip?model=sd-shapes&size={side}x{side}&codec=h264&prompt=ink"), VideoCodec.H264, scene, Time,
                CancellationToken.None).ConfigureAwait(false);
            var began = Time.GetTimestamp();
            while (caller.Pictures.Count < Wanted && Time.GetElapsedTime(began) < Patience && caller.Peer.State != PeerState.Closed)
                await Task.Delay(TimeSpan.FromMilliseconds(100), Time).ConfigureAwait(false);
            // The first pictures come while encoders and buffers find their size.
            var delays = caller.Pictures.Skip(30).Select(p => Time.GetElapsedTime(p.SentAt, p.SeenAt).TotalMilliseconds).ToList();
            var seconds = Time.GetElapsedTime(began).TotalSeconds;
            return delays.Count == 0
                ? $"Through a server: not measured, {caller.Pictures.Count} pictures came back in {seconds:0} s.\n{server.Log}"
                : FormattableString.Invariant(
                    $"Through a server, 1 step, H.264 over WebRTC on this machine: {GpuBench.P(delays, 0.5):0.0} ms p50,") +
                    FormattableString.Invariant(
                        $" {GpuBench.P(delays, 0.99):0.0} ms p99 from a picture being taken to its made one being decoded") +
                    FormattableString.Invariant($" (n = {delays.Count}; {caller.Pictures.Count / seconds:0.0} pictures a second).");
        }
        catch (Exception wrong) when (wrong is InvalidOperationException or TimeoutException or HttpRequestException or WhipException
            or DllNotFoundException or TypeInitializationException)
        {
            return $"Through a server: not measured, {wrong.Message.ReplaceLineEndings(" ")}";
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
