using System.Net.Http.Json;
using System.Text.Json;
using TrueLive.Cli;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Peers;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Whip;

namespace TrueLive.Bench;

/// <summary>
/// Measures what the server alone does with a frame: a client sends pictures that were encoded beforehand, at an even pace, and decodes
/// nothing that comes back, so that nothing else needs the cores.
/// </summary>
internal static class ServerOnly
{
    private const int Loop = 90;
    private static readonly TimeProvider Time = TimeProvider.System;

    public static async Task<List<(LiveCase Case, InsideFigures Figures)>> RunAsync(string server, double seconds)
    {
        await using var process = await ServerProcess.StartAsync("--keep-seconds", "1");
        using var http = new HttpClient { BaseAddress = new Uri(process.Address) };
        await ServerProcess.ReadyAsync(http);
        var results = new List<(LiveCase, InsideFigures)>();
        foreach (var (model, width, height) in new[] { ("passthrough", 640, 360), ("live-tiny", 512, 288), ("live-tiny", 640, 360) })
        {
            foreach (var codec in new[] { VideoCodec.H264, VideoCodec.Vp8 })
            {
                var one = new LiveCase(server, codec == VideoCodec.H264 ? "H264" : "VP8", width, height, model);
                var figures = await MeasureAsync(http, one, codec, seconds);
                results.Add((one, figures));
                Console.WriteLine(
                    $"server only, {one}: last packet in to last packet out less the step, p99 {figures.OutBesideStepP99:0.0} ms, whole " +
                        $"cores {figures.Whole:0%}");
            }
        }
        return results;
    }

    private static async Task<InsideFigures> MeasureAsync(HttpClient http, LiveCase one, VideoCodec codec, double seconds)
    {
        var film = await CodeAsync(codec, one.Width, one.Height);
        var url = new Uri(http.BaseAddress!, $"/whip?model={one.Model}&size={one.Size}&codec={one.Codec.ToLowerInvariant()}&prompt=noir");
        var keyWanted = 1;
        var handlers = new PeerHandlers { KeyFrameRequested = () => Interlocked.Exchange(ref keyWanted, 1) };
        await using var client = await WhipClient.ConnectAsync(url, null, new MediaPreferences { Codecs = [codec], Audio = false },
            handlers, Time, CancellationToken.None);
        using var cores = new WholeCores();
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1 / 30.0), Time);
        var (at, sent) = (0, 0);
        while (sent < seconds * 30 && await pace.WaitForNextTickAsync())
        {
            if (client.Peer.State == PeerState.Closed)
                throw new TimeoutException($"The server closed the connection of {one}.");
            if (!client.Peer.CanSendVideo)
                continue;
            if (Interlocked.Exchange(ref keyWanted, 0) == 1)
                at = 0;
            var stamp = (uint)(ulong)((Int128)Time.GetTimestamp() * 90_000 / Time.TimestampFrequency);
            client.Peer.SendVideo(new EncodedFrame { Codec = codec, Data = film[at], KeyFrame = at == 0, RtpTime = stamp });
            (at, sent) = ((at + 1) % Loop, sent + 1);
        }
        var sessions = await http.GetFromJsonAsync<JsonElement>("/v1/sessions");
        var figures = LiveBench.Inside(sessions) ?? throw new TimeoutException($"{one} had no session.");
        return figures with { Whole = cores.Found.Share };
    }

    private static async Task<byte[][]> CodeAsync(VideoCodec codec, int width, int height)
    {
        var scene = new MovingScene(width, height, 30, new FramePool("scene"));
        using var encoder = new VideoEncoder(codec, 1_500_000);
        var film = new byte[Loop][];
        for (var i = 0; i < Loop; i++)
        {
            using var frame = (await scene.ReadAsync(CancellationToken.None))!;
            film[i] = encoder.TryEncode(frame, i == 0, (uint)(i * 3000), out var coded) ? coded.Data.ToArray() : film[i - 1];
        }
        return film;
    }
}
