using System.Text.Json.Nodes;
using TrueLive.Server.Streams;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Streams;

/// <summary>Sound goes through a stream in step with its picture, whatever the source has.</summary>
[Trait("Run", "long")]
public sealed class StreamSoundTests(StreamServer server) : IClassFixture<StreamServer>
{
    private const string Seconds = "6";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // In real time, through six programs of others: on a busy machine they leave out pictures, and flashes begin late.
    [Fact]
    [Trait("Run", "full")]
    public async Task Sound_stays_with_its_picture_over_RTMP_SRT_UDP_HLS_a_recording_and_WHEP()
    {
        var folder = server.Scene.Folder;
        await Clapper.MakeAsync(Path.Combine(folder, "clap.ts"), "-c:a", "aac", "-ac", "2");
        var (nginx, rtmp, _) = await Program.NginxAsync(folder);
        await using var _1 = nginx;
        var (srt, udp) = (FreePort.Next(), FreePort.Next());
        var receiving = new[]
        {
            TakeAsync("srt.ts", "-f", "mpegts", "-i", $"srt://127.0.0.1:{srt}?mode=listener"),
            TakeAsync("udp.ts", "-f", "mpegts", "-i", $"udp://127.0.0.1:{udp}"),
        };
        var stream = await server.BeginAsync("file:clap.ts", new { keyframe_s = 1.0 }, $"rtmp://127.0.0.1:{rtmp}/app/clap",
            $"srt://127.0.0.1:{srt}", $"udp://127.0.0.1:{udp}", "hls", "file:clap-out.mp4");
        stream = await server.UntilAsync(stream, s => StreamServer.IsLive(s) && (bool)s["source"]!["sound"]!);
        await using var viewer = await NativeClient.ConnectAsync(
            new Uri(server.Running.Address, $"/whep/{StreamServer.Id(stream)}"), sends: false);
        var hls = new Uri(server.Running.Address,
            (string)stream["outputs"]!.AsArray().Single(o => (string?)o!["kind"] == "hls")!["playlist"]!);
        await server.UntilAsync(stream, s => s["outputs"]!.AsArray().All(o => (long)o!["frames"]! > 90));
        await Task.WhenAll([.. receiving, TakeAsync("rtmp.flv", "-i", $"rtmp://127.0.0.1:{rtmp}/app/clap"),
            TakeAsync("hls.ts", "-i", hls.AbsoluteUri)]);
        await WriteAsync(viewer, Path.Combine(folder, "whep.mkv"));
        await server.EndAsync(stream);
        foreach (var taken in new[] { "srt.ts", "udp.ts", "rtmp.flv", "hls.ts", "clap-out.mp4", "whep.mkv" })
            await Clapper.IsInStepAsync(Path.Combine(folder, taken), taken);
    }

    [Theory]
    [Trait("Run", "full")]
    [InlineData("aac-5.1-first-of-two.mkv", "-map", "0", "-map", "1", "-map", "1", "-c:a", "aac", "-ac:a:0", "6", "-ac:a:1", "1")]
    [InlineData("mp2.ts", "-c:a", "mp2", "-ac", "2")]
    [InlineData("mono-8-kHz.mkv", "-c:a", "pcm_mulaw", "-ac", "1", "-ar", "8000")]
    [InlineData("opus.mkv", "-c:a", "libopus")]
    [InlineData("b-frames.ts", "-bf", "3", "-tune", "film", "-c:a", "aac")]
    public async Task Sound_of_every_layout_and_rate_stays_with_its_picture(string name, params string[] sound)
    {
        await Clapper.MakeAsync(Path.Combine(server.Scene.Folder, name), sound);
        await PlayAsync(name);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_sound_whose_layout_and_rate_change_in_mid_stream_stays_with_its_picture()
    {
        var folder = server.Scene.Folder;
        await Clapper.MakeAsync(Path.Combine(folder, "stereo.ts"), "-c:a", "aac", "-ac", "2");
        await Clapper.MakeAsync(Path.Combine(folder, "mono.ts"), "-c:a", "aac", "-ac", "1", "-ar", "32000", "-output_ts_offset", "4");
        await File.WriteAllBytesAsync(Path.Combine(folder, "layouts.ts"), [.. await File.ReadAllBytesAsync(Path.Combine(folder,
            "stereo.ts"), Cancel), .. await File.ReadAllBytesAsync(Path.Combine(folder, "mono.ts"), Cancel)], Cancel);
        await PlayAsync("layouts.ts", 230);
    }

    [Fact]
    public async Task A_source_without_sound_or_with_sound_that_nothing_decodes_has_a_silent_track()
    {
        var folder = server.Scene.Folder;
        await Clapper.MakeAsync(Path.Combine(folder, "unknown.mkv"), "-c:a", "libopus");
        // A coding that does not exist.
        var bytes = await File.ReadAllBytesAsync(Path.Combine(folder, "unknown.mkv"), Cancel);
        "A_NONE"u8.CopyTo(bytes.AsSpan(bytes.AsSpan().IndexOf("A_OPUS"u8)));
        await File.WriteAllBytesAsync(Path.Combine(folder, "unknown.mkv"), bytes, Cancel);
        foreach (var name in new[] { "scene.ts", "unknown.mkv" })
        {
            var stream = await server.BeginAsync($"file:{name}", outputs: $"file:silent-{name}.mp4");
            stream = await server.UntilAsync(stream, s => (long)s["outputs"]![0]!["frames"]! > 60);
            Assert.False((bool)stream["source"]!["sound"]!);
            await server.EndAsync(stream);
            // Only a file with sound has something left when its pictures are left out.
            await Clapper.FfmpegAsync(["-i", Path.Combine(folder, $"silent-{name}.mp4"), "-vn", "-map", "0:a", "-t", "1", "-f", "null", "-"]);
        }
    }

    private async Task PlayAsync(string name, int frames = 150)
    {
        var stream = await server.BeginAsync($"file:{name}", new { keyframe_s = 0.5 }, $"file:heard-{name}.mp4");
        await server.UntilAsync(stream, s => (long)s["outputs"]![0]!["frames"]! > frames);
        await server.EndAsync(stream);
        await Clapper.IsInStepAsync(Path.Combine(server.Scene.Folder, $"heard-{name}.mp4"), name);
    }

    private Task TakeAsync(string name, params string[] from) =>
        Clapper.FfmpegAsync([.. from, "-t", Seconds, "-c", "copy", Path.Combine(server.Scene.Folder, name)]);

    // As a player does: by the sender reports.
    private static async Task WriteAsync(NativeClient viewer, string path)
    {
        await NativeClient.UntilAsync(() => viewer.Whip.Peer.Stats is { VideoSenderReport: not null, AudioSenderReport: not null });
        var (stats, writer) = (viewer.Whip.Peer.Stats, new MatroskaWriter());
        var (video, audio) = (stats.VideoSenderReport!.Value, stats.AudioSenderReport!.Value);
        var apart = (long)(audio.NtpTime - video.NtpTime) * 1000.0 / (1L << 32);
        var coded = viewer.Coded.ToArray();
        await using var file = File.Create(path);
        foreach (var (at, picture, sound) in coded.Select(c => (Ms(c.RtpTime, video.RtpTime, 90), c.Data, (byte[]?)null))
            .Concat(viewer.Sound.Zip(viewer.SoundStamps, (s, t) => (Ms(t, audio.RtpTime, 48) + apart, s, (byte[]?)s)))
            .OrderBy(p => p.Item1))
        {
            var key = sound is null && coded.First(c => ReferenceEquals(c.Data, picture)).Key;
            if (key && writer.TakeParameters(picture))
                await file.WriteAsync(writer.Begin());
            if (file.Length > 0)
                await file.WriteAsync(sound is null ? writer.Picture(picture, key, (uint)(at + 100_000))
                    : writer.Sound(sound, (uint)(at + 100_000)));
        }

        static double Ms(uint stamp, uint reported, int perMs) => (int)(stamp - reported) / (double)perMs;
    }
}
