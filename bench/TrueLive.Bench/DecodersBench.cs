using System.Text;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.Media.Isolated;

namespace TrueLive.Bench;

/// <summary>Measures what <c>isolate_decoders</c> costs: the time of a picture in a decode process and in this one, in turn.</summary>
internal static class DecodersBench
{
    private const int Warm = 60;
    private static readonly TimeProvider Time = TimeProvider.System;
    private static readonly FramePool Pool = new("decoders bench");

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (pictures, rate) = ((int)arguments.Number("--pictures", 600), arguments.Number("--rate", 30));
        var (load, busy) = (Machine.Load, await Machine.BusyCoresAsync(TimeSpan.FromSeconds(3)).ConfigureAwait(false));
        var text = new StringBuilder();
        Line("# What a decode process costs");
        Line("");
        Line("Written by `bench/decoders/run --write`. Do not edit.");
        Line("");
        Line($"- When: {Time.GetUtcNow():yyyy-MM-dd HH:mm} UTC. Machine: {Machine.Description}.");
        Line($"- Load average (1, 5, 15 min): {load} before the start. Before the start others kept {busy:0.0} of " +
            $"{Environment.ProcessorCount} cores busy{(busy > 0.3 ? ": **the machine was shared**" : "")}.");
        Line($"- {pictures} pictures at {rate:0} a second, each decoded here and in a process ({(IsolatedDecoder.IsSandboxed
            ? "in its sandbox" : "no sandbox")}) one after the other, after {Warm} that do not count.");
        Line("- Here, process: from the call to the picture in this process. More: process less here, picture by picture. First: from " +
            "the making of the decoder to its first picture, the start of the process included, once.");
        Line("");
        Line("| codec | size | here p50 ms | process p50 ms | more p50 ms | more p95 | more p99 | first ms | n |");
        Line("|---|---|---|---|---|---|---|---|---|");
        foreach (var codec in new[] { VideoCodec.H264, VideoCodec.Vp8, VideoCodec.Jpeg })
        {
            foreach (var (width, height) in new[] { (640, 360), (1280, 720) })
            {
                var (first, all) = await MeasureAsync(codec, width, height, pictures, rate).ConfigureAwait(false);
                var more = all.Select(t => t.There - t.Here).ToList();
                Line(FormattableString.Invariant(
                    $"| {codec} | {width}x{height} | {P(all.Select(t => t.Here), 0.5):0.00} | {P(all.Select(t => t.There), 0.5):0.00} | {P(more, 0.5):0.00} | {P(more, 0.95):0.00} | {P(more, 0.99):0.00} | {first:0} | {all.Count} |"));
            }
        }
        Console.Write(text);
        if (arguments.Has("--write"))
            await File.WriteAllTextAsync(Path.Combine(Machine.Repository, "bench", "results", "decoders.md"), text.ToString())
                .ConfigureAwait(false);
        return 0;

        void Line(string line) => text.Append(line).Append('\n');

        static double P(IEnumerable<double> values, double quantile) => Statistics.Quantile(values, quantile);
    }

    private static async Task<(double First, List<(double Here, double There)> All)> MeasureAsync(
        VideoCodec codec, int width, int height, int pictures, double rate)
    {
        using var video = codec == VideoCodec.Jpeg ? null : new VideoEncoder(codec, 2_000_000);
        using var jpeg = new JpegCodec();
        using var here = new VideoDecoder();
        var scene = new MovingScene(width, height, (int)rate, Pool);
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1 / rate), Time);
        var all = new List<(double Here, double There)>(pictures);
        var first = 0.0;
        var began = Time.GetTimestamp();
        using var there = new IsolatedDecoder(Time);
        for (var i = 0; i < Warm + pictures; i++)
        {
            using var frame = (await scene.ReadAsync(CancellationToken.None).ConfigureAwait(false))!;
            var (data, key) = Encode(frame);
            await pace.WaitForNextTickAsync().ConfigureAwait(false);
            var at = Time.GetTimestamp();
            using (codec == VideoCodec.Jpeg ? jpeg.Decode(data, Pool) : here.Decode(Coded(data, key), Pool))
            {
            }
            var between = Time.GetTimestamp();
            using var picture = await there.DecodeAsync(Coded(data, key), Pool, CancellationToken.None).ConfigureAwait(false);
            var end = Time.GetTimestamp();
            if (picture is null)
                throw new InvalidOperationException($"The decode process gave no picture: {there.Trouble}");
            if (i == 0)
                first = Time.GetElapsedTime(began, end).TotalMilliseconds;
            if (i >= Warm)
                all.Add((Time.GetElapsedTime(at, between).TotalMilliseconds, Time.GetElapsedTime(between, end).TotalMilliseconds));
        }
        return (first, all);

        EncodedFrame Coded(byte[] data, bool key) => new() { Codec = codec, Data = data, KeyFrame = key, RtpTime = 0 };

        (byte[] Data, bool Key) Encode(VideoFrame frame)
        {
            if (video is null)
                return (jpeg.Encode(frame, 80).ToArray(), true);
            return video.TryEncode(frame, false, frame.Ticket.MediaTime, out var coded)
                ? (coded.Data.ToArray(), coded.KeyFrame) : throw new InvalidOperationException("The encoder left out a picture.");
        }
    }
}
