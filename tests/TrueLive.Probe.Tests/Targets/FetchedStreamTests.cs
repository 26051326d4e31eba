using System.Net;
using TrueLive.Media.Streams;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Tests.Targets;

/// <summary>HLS that comes back from a target: where it may lead, and where it is joined.</summary>
public sealed class FetchedStreamTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_playlist_cannot_lead_the_probe_into_the_users_own_network()
    {
        using var inside = new HandMadeServer(HandMadeServer.Says("200 OK", ""));
        using var outside = new HandMadeServer(HandMadeServer.Says("200 OK", "",
            $"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://localhost:{inside.Address.Port}/one.ts\n#EXT-X-ENDLIST\n"));
        await using var receiver = new StreamReceiver(StreamLeg.From($"{outside.Address}live.m3u8"), TimeProvider.System,
            TimeSpan.FromMinutes(5));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var receiving = receiver.NextAsync(stop.Token).AsTask();
        while (receiver.Problem is null)
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancel);
        Assert.Contains("leads to localhost, which is in a private network", receiver.Problem, StringComparison.Ordinal);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => receiving);
        Assert.Equal(0, inside.Asked);
    }

    [Fact]
    public void The_users_own_host_is_known_by_any_spelling_and_may_not_move_inside()
    {
        IPAddress[] inside = [IPAddress.Loopback], outside = [IPAddress.Parse("8.8.8.8")];
        using var own = new HlsHosts(StreamLeg.From("http://NAS:8080/live.m3u8").Address.Fetched.IdnHost);
        Assert.Equal(inside, own.Usable(new Uri("http://Nas:8080/live.m3u8").IdnHost, inside));
        using var service = new HlsHosts("cdn.example");
        Assert.Equal(outside, service.Usable("cdn.example", outside));
        Assert.Throws<IOException>(() => service.Usable("cdn.example", inside));
        Assert.Throws<IOException>(() => service.Usable("other.example", inside));
    }

    [Fact]
    public async Task HLS_that_has_just_begun_is_joined_as_far_behind_its_end_as_a_player_is()
    {
        var (asked, fetched) = (0, new List<string>());
        Task<HttpResponseMessage> FetchAsync(Uri at, CancellationToken cancel)
        {
            if (!at.AbsolutePath.EndsWith(".m3u8", StringComparison.Ordinal))
                fetched.Add($"{at.AbsolutePath} of {asked}");
            else
                asked++;
            var list = string.Concat(Enumerable.Range(0, asked).Select(n => $"#EXTINF:1,\n{n}.ts\n"));
            return Task.FromResult(new HttpResponseMessage
            { Content = new StringContent($"#EXTM3U\n#EXT-X-TARGETDURATION:1\n{list}{(asked > 3 ? "#EXT-X-ENDLIST\n" : "")}") });
        }
        var feed = new HlsFeed(StreamLeg.From("http://host.example/live.m3u8").Address, FetchAsync, TimeProvider.System, fromStart: true);
        await feed.RunAsync(Stream.Null, Cancel);
        Assert.Equal(["/0.ts of 3", "/1.ts of 3", "/2.ts of 3", "/3.ts of 4"], fetched);
        Assert.Equal(TimeSpan.FromSeconds(1), feed.Segment);
    }
}
