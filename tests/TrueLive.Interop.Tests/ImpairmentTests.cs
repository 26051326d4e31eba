using TrueLive.Core.Frames;

namespace TrueLive.Interop.Tests;

/// <summary>The real server behind an impaired network, watched by a client that uses our own stack.</summary>
public sealed class ImpairmentTests(ImpairmentTests.Server shared) : IClassFixture<ImpairmentTests.Server>
{
    private static readonly TimeProvider Time = TimeProvider.System;

    // A generous limit that only a hang reaches.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(3, VideoCodec.H264)]
    [InlineData(8, VideoCodec.Vp8, Traits = ["Run", "full"])]
    public async Task After_a_cut_new_pictures_come_back_and_none_is_old(int seconds, VideoCodec codec)
    {
        using var link = new ImpairedLink(shared.Address);
        await using var caller = await CallAsync(link.Address, codec);
        await CollectAsync(caller, p => p.Count >= 30);

        link.Cut = true;
        await Task.Delay(TimeSpan.FromSeconds(seconds), Time, Cancel);
        caller.Pictures.Clear();
        link.Cut = false;
        var (mended, sent) = (Time.GetTimestamp(), caller.Sent);
        var pictures = await CollectAsync(caller, p => p.Count(x => x.SentAt > mended) >= 30);
        Report($"{codec}, cut {seconds} s, first picture " +
            $"{Time.GetElapsedTime(mended, pictures.First(x => x.SentAt > mended).SeenAt).TotalMilliseconds:0} ms after", pictures,
            caller.Sent - sent);
        Assert.DoesNotContain(pictures.SkipWhile(x => x.SentAt < mended), x => x.SentAt < mended);
    }

    [Theory]
    [InlineData(0.05, VideoCodec.H264)]
    [InlineData(0.05, VideoCodec.Vp8)]
    [InlineData(0.10, VideoCodec.H264, Traits = ["Run", "full"])]
    public async Task With_packets_lost_each_way_pictures_go_on_and_what_was_lost_is_repaired(double loss, VideoCodec codec)
    {
        using var link = new ImpairedLink(shared.Address) { Loss = loss };
        await using var caller = await CallAsync(link.Address, codec);
        await CollectAsync(caller, p => p.Count >= 15);
        caller.Pictures.Clear();
        var sent = caller.Sent;
        var pictures = await CollectAsync(caller, p => p.Count >= 90
            && caller.Peer.Stats is { PacketsRepaired: > 0, PacketsRetransmitted: > 0 });
        var stats = caller.Peer.Stats;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{codec}: {stats.VideoPacketsLost} packets lost on the way back, {stats.NacksSent} asked for, {stats.PacketsRepaired} repaired, {stats.FramesDropped} frames given up, {stats.FramesReceived} whole; {stats.PacketsRetransmitted} sent again");
        Report($"{codec}, {loss:0 %} lost", pictures, caller.Sent - sent);
        AssertInOrder(pictures);
    }

    [Theory]
    [InlineData(50, false, 0)]
    [InlineData(20, true, 0.1)]
    public async Task With_jitter_reordering_and_doubled_packets_pictures_go_on_in_order(int jitterMs, bool reorder, double duplicate)
    {
        using var link = new ImpairedLink(shared.Address);
        await using var caller = await CallAsync(link.Address, VideoCodec.H264);
        await CollectAsync(caller, p => p.Count >= 15);
        foreach (var way in new[] { link.Up, link.Down })
            (way.Jitter, way.Reorder, way.Duplicate) = (TimeSpan.FromMilliseconds(jitterMs), reorder, duplicate);
        var sent = caller.Sent;
        var pictures = await CollectAsync(caller, p => p.Count >= 90);
        Report($"jitter {jitterMs} ms, overtaking {reorder}, {duplicate:0 %} doubled", pictures, caller.Sent - sent);
        AssertInOrder(pictures);
    }

    [Fact]
    public async Task A_way_back_that_shrinks_to_a_megabit_is_found_and_filled()
    {
        const int Link = 1_000_000;
        using var link = new ImpairedLink(shared.Address);
        await using var caller = await CallAsync(link.Address, VideoCodec.H264, 640, 360);
        await CollectAsync(caller, p => p.Count >= 60);
        // Times are tested in virtual time: here the codecs and the relay compete for the processor.
        var before = await BitrateAsync(caller, b => b > Link);
        caller.Pictures.Clear();
        link.Down.Bitrate = Link;
        var sent = caller.Sent;
        var after = await BitrateAsync(caller, b => b is >= 0.5 * Link and <= Link);
        var pictures = await CollectAsync(caller, p => p.Count >= 30);
        Report($"{before / 1000:0} kbit/s before, then {after / 1000:0} over a link of {Link / 1000}", pictures, caller.Sent - sent);
        AssertInOrder(pictures);
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

    /// <summary>One server for all tests, which differ only in the link to it.</summary>
    public sealed class Server : IAsyncLifetime
    {
        private ServerProcess? _process;

        public string Address => _process!.Address;

        public async ValueTask InitializeAsync() =>
            _process = await ServerProcess.StartAsync("--webrtc-tcp", "false", "--max-sessions", "20", "--keep-seconds", "10");

        public ValueTask DisposeAsync() => _process!.DisposeAsync();
    }

    private static async Task<NativeCaller> CallAsync(string server, VideoCodec codec, int width = 256, int height = 144) =>
        await NativeCaller.StartAsync(
        new Uri($"{server}whip?model=passthrough&size={width}x{height}"), codec, await NativeCaller.SceneAsync(width, height),
        Time, Cancel);

    /// <summary>Received video bitrate in bit/s, over the first two seconds in which it is as wanted.</summary>
    private static async Task<double> BitrateAsync(NativeCaller caller, Func<double, bool> wanted)
    {
        for (var start = Time.GetTimestamp(); ;)
        {
            var (began, bytes) = (Time.GetTimestamp(), caller.Peer.Stats.VideoBytesReceived);
            await Task.Delay(TimeSpan.FromSeconds(2), Time, Cancel);
            var bitrate = (caller.Peer.Stats.VideoBytesReceived - bytes) * 8 / Time.GetElapsedTime(began).TotalSeconds;
            if (wanted(bitrate))
                return bitrate;
            Assert.True(Time.GetElapsedTime(start) < Patience, $"{bitrate / 1000:0} kbit/s still come.");
        }
    }

    private static double Gap(List<Returned> pictures) =>
        pictures.Zip(pictures.Skip(1), (a, b) => Time.GetElapsedTime(a.SeenAt, b.SeenAt).TotalMilliseconds).Max();

    private static void Report(string what, List<Returned> pictures, long sent) => TestContext.Current.TestOutputHelper?.WriteLine(
        $"{what}: {pictures.Count} of {sent} pictures, p50 {At(Delays(pictures), 0.5):0} p95 {At(Delays(pictures), 0.95):0} ms, longest gap {Gap(pictures):0} ms");

    private static void AssertInOrder(List<Returned> pictures) =>
        Assert.DoesNotContain(pictures.Zip(pictures.Skip(1)), p => p.Second.Sent < p.First.Sent);

    private static async Task<List<Returned>> CollectAsync(NativeCaller caller, Func<List<Returned>, bool> enough)
    {
        var pictures = new List<Returned>();
        for (var began = Time.GetTimestamp(); !enough(pictures); await Task.Delay(TimeSpan.FromMilliseconds(10), Time, Cancel))
        {
            Assert.True(Time.GetElapsedTime(began) < Patience, $"{pictures.Count} pictures in {Patience}; {caller.Peer.State}.");
            while (caller.Pictures.TryDequeue(out var next))
                pictures.Add(next);
        }
        return pictures;
    }

    private static double[] Delays(IEnumerable<Returned> pictures) =>
        [.. pictures.Select(p => Time.GetElapsedTime(p.SentAt, p.SeenAt).TotalMilliseconds).Order()];

    private static double At(double[] sorted, double quantile) => sorted[(int)(quantile * (sorted.Length - 1))];
}
