using TrueLive.Core.Frames;

namespace TrueLive.Interop.Tests;

/// <summary>The real server behind a bad network, watched by a client over our own stack.</summary>
public sealed class ImpairmentTests
{
    private static readonly TimeProvider Time = TimeProvider.System;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(3, VideoCodec.H264)]
    [InlineData(8, VideoCodec.Vp8)]
    public async Task After_a_cut_pictures_are_back_within_a_second_and_none_is_old(int seconds, VideoCodec codec)
    {
        await using var server = await StartAsync();
        using var link = new ImpairedLink(server.Address);
        await using var caller = await CallAsync(link.Address, codec);
        await CollectAsync(caller, p => p.Count >= 30);

        link.Cut = true;
        await Task.Delay(TimeSpan.FromSeconds(seconds), Time, Cancel);
        caller.Pictures.Clear();
        link.Cut = false;
        var mended = Time.GetTimestamp();
        var pictures = await CollectAsync(caller, p => p.Any(x => x.SentAt > mended) && Time.GetElapsedTime(mended).TotalSeconds > 3);
        var first = Time.GetElapsedTime(mended, pictures.First(x => x.SentAt > mended).SeenAt).TotalMilliseconds;
        var delays = Delays(pictures.Where(x => Time.GetElapsedTime(mended, x.SeenAt).TotalSeconds > 1));
        TestContext.Current.TestOutputHelper?.WriteLine($"{codec}, cut {seconds} s: first picture {first:0} ms after, then p50 {At(delays, 0.5):0} p95 {At(delays, 0.95):0} ms, n={delays.Length}");
        Assert.True(first < 1000, $"The first picture came {first:0} ms after the cut.");
        Assert.True(At(delays, 0.95) < 300, $"Pictures after the cut are old: p95 {At(delays, 0.95):0} ms.");
    }

    [Theory]
    [InlineData(VideoCodec.H264)]
    [InlineData(VideoCodec.Vp8)]
    public async Task With_one_packet_in_twenty_lost_each_way_pictures_go_on_and_delay_stays_bounded(VideoCodec codec)
    {
        await using var server = await StartAsync();
        using var link = new ImpairedLink(server.Address) { Loss = 0.05 };
        await using var caller = await CallAsync(link.Address, codec);
        await CollectAsync(caller, p => p.Count >= 15);
        caller.Pictures.Clear();
        var (began, sent) = (Time.GetTimestamp(), caller.Sent);
        var pictures = await CollectAsync(caller, _ => Time.GetElapsedTime(began).TotalSeconds > 5);
        sent = caller.Sent - sent;
        var delays = Delays(pictures);
        var gap = pictures.Zip(pictures.Skip(1), (a, b) => Time.GetElapsedTime(a.SeenAt, b.SeenAt).TotalMilliseconds).Max();
        var stats = caller.Peer.Stats;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{codec}: {stats.VideoPacketsLost} packets lost on the way back, {stats.NacksSent} asked for, {stats.PacketsRepaired} repaired, {stats.FramesDropped} frames given up, {stats.FramesReceived} whole; {stats.PacketsRetransmitted} sent again");
        TestContext.Current.TestOutputHelper?.WriteLine($"{codec}, 5 % lost: {pictures.Count} of {sent} pictures, p50 {At(delays, 0.5):0} p95 {At(delays, 0.95):0} ms, longest gap {gap:0} ms");
        // What the network lost is repaired; pictures that a repair held up and a newer one overtook are the mailbox's, by design.
        Assert.True(stats.FramesDropped <= 3, $"{stats.FramesDropped} frames were given up.");
        Assert.True(pictures.Count > 0.5 * sent, $"{pictures.Count} of {sent} pictures came back.");
        Assert.True(At(delays, 0.95) < 400, $"p95 {At(delays, 0.95):0} ms.");
        Assert.True(gap < 1000, $"The picture stood still for {gap:0} ms.");
    }

    [Fact]
    public async Task With_udp_turned_off_the_picture_comes_over_tcp()
    {
        await using var server = await ServerProcess.StartAsync("--webrtc-udp", "false", "--max-sessions", "8");
        await using var caller = await CallAsync(server.Address + "/", VideoCodec.H264);
        var pictures = await CollectAsync(caller, p => p.Count >= 30);
        Assert.True(caller.Peer.Path!.Value.IsTcp);
        Assert.All(pictures, p => Assert.Equal(p.Sent % 256, p.Number));
    }

    private static Task<ServerProcess> StartAsync() => ServerProcess.StartAsync("--webrtc-tcp", "false", "--max-sessions", "8");

    private static async Task<NativeCaller> CallAsync(string server, VideoCodec codec) => await NativeCaller.StartAsync(
        new Uri($"{server}whip?model=passthrough&size=256x144"), codec, await NativeCaller.SceneAsync(256, 144), Time, Cancel);

    private static async Task<List<Returned>> CollectAsync(NativeCaller caller, Func<List<Returned>, bool> enough)
    {
        var pictures = new List<Returned>();
        for (var began = Time.GetTimestamp(); !enough(pictures); await Task.Delay(TimeSpan.FromMilliseconds(10), Time, Cancel))
        {
            Assert.True(Time.GetElapsedTime(began).TotalSeconds < 20, $"{pictures.Count} pictures in 20 s; {caller.Peer.State}.");
            while (caller.Pictures.TryDequeue(out var next))
                pictures.Add(next);
        }
        return pictures;
    }

    private static double[] Delays(IEnumerable<Returned> pictures) => [.. pictures.Select(p => Time.GetElapsedTime(p.SentAt, p.SeenAt).TotalMilliseconds).Order()];

    private static double At(double[] sorted, double quantile) => sorted[(int)(quantile * (sorted.Length - 1))];
}
