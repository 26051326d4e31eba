using System.Text.RegularExpressions;
using TrueLive.Core.Frames;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Live.Transports;

/// <summary>A server with <c>isolate_decoders</c>, whose decode processes die while sessions run.</summary>
public sealed partial class IsolatedDecodersTests
{
    // More than can be on their way when a decoder dies.
    private const int FreshPictures = 40;

    [Fact]
    public async Task A_decode_process_that_dies_costs_its_own_session_a_moment_and_the_others_nothing()
    {
        await using var server = await RunningServer.StartAsync(o => o.IsolateDecoders = true);
        var before = DecodeProcesses.Running();
        await using var first = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip?model=passthrough"));
        await first.OpenControlAsync();
        await first.PicturesAsync(3);
        var one = Assert.Single(DecodeProcesses.Running().Except(before));
        await using var second = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip?model=passthrough"), VideoCodec.Vp8);
        await second.OpenControlAsync();
        await second.PicturesAsync(3);
        var two = Assert.Single(DecodeProcesses.Running().Except(before).Except([one]));
        DecodeProcesses.Kill(one);
        await first.MessageAsync(m => (string?)m["type"] == "input" && ((string?)m["problem"])?.Contains("started anew") == true);
        await second.PicturesAsync(FreshPictures);
        await first.MessageAsync(m => (string?)m["type"] == "input" && m["problem"] is null);
        await first.PicturesAsync(FreshPictures);
        var now = DecodeProcesses.Running().Except(before).ToHashSet();
        Assert.Equal((2, true, false), (now.Count, now.Contains(two), now.Contains(one)));
        Assert.DoesNotContain(second.Messages, m => (string?)m["type"] == "input");
        // The page is cached for a while.
        await NativeClient.UntilAsync(async () =>
            Counted().IsMatch(await server.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task Pictures_over_the_WebSocket_go_on_after_their_decode_process_died()
    {
        await using var server = await RunningServer.StartAsync(o => o.IsolateDecoders = true);
        var before = DecodeProcesses.Running();
        await using var client = await JpegClient.ConnectAsync(server.Address, "model=passthrough");
        await client.SendUntilPictureAsync();
        var killed = Assert.Single(DecodeProcesses.Running().Except(before));
        DecodeProcesses.Kill(killed);
        await NativeClient.UntilAsync(() => DecodeProcesses.Running().Except(before).Any(id => id != killed));
        await client.SendUntilPictureAsync();
        Assert.DoesNotContain(killed, DecodeProcesses.Running());
    }

    [GeneratedRegex(@"^truelive_decoders_ended\S* [1-9]", RegexOptions.Multiline)]
    private static partial Regex Counted();
}
