using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Streams.Rtmp;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Streams;

/// <summary>
/// One port takes the publishers of many streams, each by application and key, and turns everybody else away in words that name no key.
/// </summary>
public sealed class RtmpPortTests : IAsyncLifetime
{
    private const string Key = "secret-key-1";

    private static readonly byte[] PictureHead = [0x17, 0, 0, 0, 0, 1, 0x42, 0xC0, 0x1F];
    private static readonly byte[] Picture = [0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65];
    private static readonly byte[] SoundHead = [0xAF, 0, 0x12, 0x10];
    private static readonly byte[] Sound = [0xAF, 1, 0x21, 0x00];

    private readonly ConcurrentQueue<string> _refused = new();
    private readonly int _port = FreePort.Next();
    private readonly FakeTimeProvider _time = new();
    private readonly RtmpPorts _ports;
    private RtmpPlace _place = null!;

    public RtmpPortTests() => _ports = new RtmpPorts(_time, (_, _, why) => _refused.Enqueue(why));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _place = _ports.Open(new IPEndPoint(IPAddress.Loopback, _port), "live", Key);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _place.DisposeAsync();
        Assert.DoesNotContain(_refused, w => w.Contains("secret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("live", Key)]
    [InlineData("live/", Key)]
    [InlineData("live", Key + "?user=me&token=abc")]
    [InlineData("/live?vhost=x", Key + "?backup=1")]
    public async Task A_publisher_with_the_application_and_the_key_is_taken_however_encoders_write_them(string application, string key)
    {
        using var caller = await RtmpCaller.ConnectAsync(_port);
        await caller.GreetAsync(application);
        var answer = caller.PublishAsync(key);
        await using var publisher = await _place.NextAsync(Cancel);
        using var flv = new MemoryStream();
        var feeding = publisher.FeedAsync(flv, Cancel);
        Assert.Equal("NetStream.Publish.Start", await answer);
        // Neither metadata nor an empty packet, as some send, are needed or in the way. The clock began long ago and wraps.
        await caller.MessageAsync(RtmpType.Audio, 1, 0xFFFFFFF0, []);
        await caller.MessageAsync(RtmpType.Video, 1, 0xFFFFFFF0, PictureHead);
        await caller.MessageAsync(RtmpType.Audio, 1, 0xFFFFFFF0, SoundHead);
        await caller.MessageAsync(RtmpType.Video, 1, 0xFFFFFFF0, Picture);
        await caller.MessageAsync(RtmpType.Audio, 1, 0x00000004, Sound);
        await caller.CommandAsync(1, "publish", 6d, null, key, "live");
        Assert.Equal("NetStream.Publish.Start", await caller.CodeAsync("onStatus"));
        await caller.MessageAsync(RtmpType.Video, 1, 0x00000011, Picture);
        // It begins anew at 0, and goes on there.
        await caller.MessageAsync(RtmpType.Video, 1, 10_000_000, Picture);
        await caller.MessageAsync(RtmpType.Video, 1, 10_000_033, Picture);
        await caller.MessageAsync(RtmpType.Video, 1, 0, Picture);
        await caller.CommandAsync(0, "deleteStream", 7d, null, 1d);
        Assert.Contains("ended its stream", (await Assert.ThrowsAsync<RtmpException>(() => feeding)).Message, StringComparison.Ordinal);
        Assert.Equal([(9, 0), (8, 0), (9, 0), (8, 20), (9, 33), (9, 33), (9, 66), (9, 66)], Tags(flv.ToArray()));
        Assert.Equal(2, publisher.Jumps);
    }

    [Theory]
    [InlineData("live", "secret-key-2")]
    [InlineData("live", "secret-key-11")]
    [InlineData("live", "")]
    [InlineData("other", Key)]
    [InlineData("", Key)]
    public async Task A_wrong_application_or_key_is_refused_as_a_bad_name(string application, string key)
    {
        using var caller = await RtmpCaller.ConnectAsync(_port);
        await caller.GreetAsync(application);
        Assert.Equal("NetStream.Publish.BadName", await caller.PublishAsync(key));
        await IsTurnedAwayAsync(caller, "No stream waits");
    }

    [Fact]
    public async Task A_second_publisher_is_refused_until_the_first_has_left_and_streams_share_the_port()
    {
        await using var other = _ports.Open(new IPEndPoint(IPAddress.Loopback, _port), "live", "secret-key-2");
        Assert.Throws<RtmpException>(() => _ports.Open(new IPEndPoint(IPAddress.Loopback, _port), "live", Key));
        using var first = await RtmpCaller.ConnectAsync(_port);
        await first.GreetAsync("live");
        var answer = first.PublishAsync(Key);
        await using (var publisher = await _place.NextAsync(Cancel))
        {
            using var second = await RtmpCaller.ConnectAsync(_port);
            await second.GreetAsync("live");
            Assert.Equal("NetStream.Publish.BadName", await second.PublishAsync(Key));
            Assert.Contains("is being published", Assert.Single(_refused), StringComparison.Ordinal);
        }
        Assert.Equal("closed", await answer);
        using var third = await RtmpCaller.ConnectAsync(_port);
        await third.GreetAsync("live");
        _ = third.PublishAsync("secret-key-2");
        await using var neighbour = await other.NextAsync(Cancel);
        using var again = await RtmpCaller.ConnectAsync(_port);
        await again.GreetAsync("live");
        _ = again.PublishAsync(Key);
        await using var back = await _place.NextAsync(Cancel);
    }

    [Fact]
    public async Task An_encoder_that_comes_back_before_its_older_connection_was_taken_is_the_one_that_publishes()
    {
        using var one = await RtmpCaller.ConnectAsync(_port);
        using var two = await RtmpCaller.ConnectAsync(_port);
        await one.GreetAsync("live");
        await two.GreetAsync("live");
        var answers = new[] { one.PublishAsync(Key), two.PublishAsync(Key) };
        // Whichever was first is cut.
        var cut = await Task.WhenAny(answers);
        Assert.Equal("closed", await cut);
        await using var publisher = await _place.NextAsync(Cancel);
        _ = publisher.FeedAsync(Stream.Null, Cancel);
        Assert.Equal("NetStream.Publish.Start", await answers.Single(a => a != cut));
    }

    [Theory]
    [InlineData("hvc1", "HEVC")]
    [InlineData("av01", "AV1")]
    [InlineData("avc1", "turn them off in the encoder")]
    [InlineData("", "H.264")]
    public async Task Another_codec_than_H264_is_refused_in_words(string enhanced, string words)
    {
        using var caller = await RtmpCaller.ConnectAsync(_port);
        await caller.GreetAsync("live");
        _ = caller.CommandAsync(0, "createStream", 2d, null);
        await caller.CommandAsync(1, "publish", 3d, null, Key, "live");
        await using var publisher = await _place.NextAsync(Cancel);
        var feeding = publisher.FeedAsync(Stream.Null, Cancel);
        Assert.Equal("NetStream.Publish.Start", await caller.CodeAsync("onStatus"));
        byte[] picture = enhanced.Length > 0 ? [0x90, .. Encoding.ASCII.GetBytes(enhanced), 1] : [0x12, 0, 0];
        await caller.MessageAsync(RtmpType.Video, 1, 0, picture);
        Assert.Contains(words, (await Assert.ThrowsAsync<RtmpException>(() => feeding)).Message, StringComparison.Ordinal);
        Assert.Equal("NetStream.Publish.Rejected", await caller.CodeAsync("onStatus"));
    }

    [Fact]
    public async Task Whoever_does_not_speak_RTMP_plays_or_leaves_is_turned_away_and_the_port_goes_on()
    {
        using (var web = await RtmpCaller.ConnectAsync(_port))
        {
            await web.SendAsync([.. "GET / HTTP/1.1\r\n\r\n"u8, .. new byte[2000]]);
            await IsTurnedAwayAsync(web, "not RTMP");
        }
        using (var player = await RtmpCaller.ConnectAsync(_port))
        {
            await player.GreetAsync("live");
            await player.CommandAsync(1, "play", 2d, null, Key);
            Assert.Equal("NetStream.Play.StreamNotFound", await player.CodeAsync("onStatus"));
            await IsTurnedAwayAsync(player, "wants to play");
        }
        using (var talker = await RtmpCaller.ConnectAsync(_port))
        {
            await talker.GreetAsync("live");
            // With its connect, as many as may come.
            for (var i = 0; i < 63; i++)
                await talker.CommandAsync(0, "_checkbw", 2d, null);
            await IsTurnedAwayAsync(talker, "never published");
        }
        (await RtmpCaller.ConnectAsync(_port)).Dispose();
        await NativeClient.UntilAsync(() => _refused.Count == 4);
        // Whoever hangs up is held as well.
        for (var i = 1; i < RtmpPort.MaxStrangersOfOne; i++)
            (await RtmpCaller.ConnectAsync(_port)).Dispose();
        await NativeClient.UntilAsync(() => _refused.Count == 3 + RtmpPort.MaxStrangersOfOne);
        using (var late = await RtmpCaller.ConnectAsync(_port))
            await late.IsClosedAsync();
        Assert.Contains("Too many", _refused.Last(), StringComparison.Ordinal);
        await NativeClient.UntilAsync(async () =>
        {
            _time.Advance(RtmpPort.RefusedTime);
            using var again = await RtmpCaller.ConnectAsync(_port);
            return await again.IsHeardAsync();
        });
        using var caller = await RtmpCaller.ConnectAsync(_port);
        await caller.GreetAsync("live");
        _ = caller.PublishAsync(Key);
        await using var publisher = await _place.NextAsync(Cancel);
    }

    [Fact]
    public async Task Silent_connections_of_one_address_do_not_pile_up()
    {
        var silent = new List<RtmpCaller>();
        for (var i = 0; i < RtmpPort.MaxStrangersOfOne; i++)
            silent.Add(await RtmpCaller.ConnectAsync(_port));
        using (var late = await RtmpCaller.ConnectAsync(_port))
            await late.IsClosedAsync();
        Assert.Contains("Too many", Assert.Single(_refused), StringComparison.Ordinal);
        silent.ForEach(s => s.Dispose());
    }

    [Fact]
    public async Task A_publisher_is_told_how_much_arrived_as_often_as_it_asks()
    {
        using var caller = await RtmpCaller.ConnectAsync(_port);
        await caller.GreetAsync("live");
        await caller.MessageAsync(RtmpType.WindowSize, 0, 0, RtmpBytes.Number(20_000));
        var answer = caller.PublishAsync(Key);
        await using var publisher = await _place.NextAsync(Cancel);
        _ = publisher.FeedAsync(Stream.Null, Cancel);
        await answer;
        for (var i = 0; i < 10; i++)
            await caller.MessageAsync(RtmpType.Audio, 1, 0, new byte[8000]);
        await caller.CommandAsync(1, "publish", 6d, null, Key, "live");
        await caller.CodeAsync("onStatus");
        Assert.InRange(caller.Acknowledged, 20_000u, 100_000u);
    }

    // Nothing but the time for which a refused one is held passes here, so that nobody is turned away for being late.
    private async Task IsTurnedAwayAsync(RtmpCaller caller, string words)
    {
        await NativeClient.UntilAsync(() => _refused.Any(w => w.Contains(words, StringComparison.Ordinal)));
        var closed = caller.IsClosedAsync();
        await NativeClient.UntilAsync(() =>
        {
            _time.Advance(RtmpPort.RefusedTime);
            return closed.IsCompleted;
        });
    }

    // Kind and time of each tag of an FLV file.
    private static List<(int Type, int Time)> Tags(byte[] flv)
    {
        var tags = new List<(int, int)>();
        for (var at = 13; at < flv.Length;)
        {
            tags.Add((flv[at], (flv[at + 7] << 24) | (flv[at + 4] << 16) | (flv[at + 5] << 8) | flv[at + 6]));
            at += 15 + ((flv[at + 1] << 16) | (flv[at + 2] << 8) | flv[at + 3]);
        }
        return tags;
    }
}
