using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.Server.Live.Transports;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Live.Transports;

/// <summary>Pictures are charged by their pixels, whatever the session's size is.</summary>
public sealed class PictureBudgetTests
{
    [Fact]
    public void One_key_takes_no_more_than_its_share_and_nothing_of_anothers()
    {
        var time = new FakeTimeProvider();
        var budget = new PictureBudget(cores: 2, time);
        const long large = 4096L * 2304;
        Assert.Equal(14, Enumerable.Range(0, 100).Count(_ => budget.Take("hostile", large)));
        Assert.Equal(86, budget.Refused);
        Assert.True(budget.Take("other", large));
        // The excess over the share delays the next pictures.
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(13, Enumerable.Range(0, 100).Count(_ => budget.Take("hostile", large)));
        // A camera at 1080p and 30 frames a second always has its share.
        for (var i = 0; i < 300; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1 / 30.0));
            Assert.True(budget.Take("camera", 1920 * 1080));
        }
    }

    [Fact]
    public void A_picture_of_many_scans_costs_what_they_take_and_one_that_is_refused_nothing()
    {
        using var codec = new JpegCodec();
        using var frame = new FramePool("cost").Rent(64, 48);
        frame.Y.Fill(1);
        frame.U.Fill(128);
        frame.V.Fill(128);
        var plain = codec.Encode(frame, 50).ToArray();
        byte[] scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0];
        byte[] With(int more) => [.. plain[..^2], .. Enumerable.Repeat(scan, more).SelectMany(s => s), 0xFF, 0xD9];
        Assert.Equal((64 * 48, 64 * 48 * 11 / 2), (JpegCodec.CostOf(plain), JpegCodec.CostOf(With(9))));
        Assert.Equal((0, 0), (JpegCodec.CostOf(With(JpegCodec.MaxScans)), JpegCodec.CostOf([1, 2, 3])));
    }

    [Fact]
    public async Task Large_pictures_are_decoded_aside_and_come_back()
    {
        await using var server = await RunningServer.StartAsync();
        await using var client = await JpegClient.ConnectAsync(server.Address, "model=passthrough");
        using var codec = new JpegCodec();
        using var large = new FramePool("large").Rent(2048, 1152);
        large.Y.Fill(180);
        large.U.Fill(128);
        large.V.Fill(128);
        var jpeg = codec.Encode(large, 80).ToArray();
        Assert.True(JpegCodec.CostOf(jpeg) >= LargePictures.Large);
        using (var made = codec.Decode(await client.SendUntilPictureAsync(jpeg), new FramePool("made"))!)
        {
            Assert.Equal((2048, 1152), (made.Width, made.Height));
            Assert.InRange(made.Y[0], 165, 190);
        }
        // Bytes that are not a picture do not end that thread.
        await client.SendAsync(jpeg[..(jpeg.Length / 2)]);
        await client.SendUntilPictureAsync(jpeg);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_client_that_sends_more_than_is_decoded_is_told_in_words_and_goes_on()
    {
        await using var server = await RunningServer.StartAsync(o => o.MaxSessions = 4);
        await using var client = await JpegClient.ConnectAsync(server.Address, "model=passthrough");
        await client.SendUntilPictureAsync();
        // As if the same client had other connections that send without pause.
        var budget = server.Services.GetRequiredService<PictureBudget>();
        var told = client.SendUntilAsync("input");
        await Http.NativeClient.UntilAsync(() =>
        {
            budget.Take("local", 3 * budget.PixelsPerSecond);
            return told.IsCompleted;
        });
        Assert.Contains("left out", (string)(await told)["problem"]!, StringComparison.Ordinal);
        await client.SendUntilPictureAsync();
    }
}
