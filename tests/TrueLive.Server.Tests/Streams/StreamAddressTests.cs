using TrueLive.Media.Streams;

namespace TrueLive.Server.Tests.Streams;

/// <summary>Addresses as people write them, and what is never shown of them.</summary>
public sealed class StreamAddressTests
{
    [Theory]
    [InlineData("rtsp://user:pass-word@cam.local/Streaming/Channels/101?token=abcdef", "rtsp://cam.local:554/…")]
    [InlineData("rtsp://[fd00::1]:8554/cam", "rtsp://[fd00::1]:8554/…")]
    [InlineData("rtmps://live.example/app/live_123_abc?x=y", "rtmps://live.example:443/…")]
    [InlineData("srt://relay.example:9000?streamid=publish:key-key&passphrase=0123456789ab&latency=120000", "srt://relay.example:9000/…")]
    [InlineData("srt://:9000?mode=listener&passphrase=0123456789ab", "srt://:9000?mode=listener")]
    [InlineData("rtmp://:1935/live/stream-key-1?mode=listener", "rtmp://:1935?mode=listener")]
    [InlineData("https://cdn.example/user/password/1.m3u8?sig=1234", "https://cdn.example:443/…")]
    [InlineData("/dev/video0", "/dev/video0")]
    [InlineData("file:talk.mp4", "file:talk.mp4")]
    public void What_may_be_secret_in_a_source_is_not_shown(string address, string shown)
    {
        var read = StreamAddress.Parse(address, output: false, out var problem);
        Assert.True(read is not null, problem);
        Assert.Equal(shown, read.Shown);
        Assert.Equal(shown, read.ToString());
    }

    [Theory]
    [InlineData("rtmp://live.example/app/live_123_abc", "Server error: live_123_abc is already published",
        "Server error: … is already published")]
    [InlineData("rtmp://live.example/app/live_123_abc", "rtmp://203.0.113.9:1935/app/live_123_abc: Connection refused",
        "rtmp://live.example:1935/…: Connection refused")]
    [InlineData("srt://r.example:1?passphrase=0123456789ab", "bad secret 0123456789AB", "bad secret …")]
    public void Words_of_the_far_side_lose_what_is_secret(string address, string words, string clean) =>
        Assert.Equal(clean, StreamAddress.Parse(address, output: true, out _)!.Clean(words));

    [Theory]
    [InlineData("", false)]
    [InlineData("cam", false)]
    [InlineData("file:///etc/passwd", false)]
    [InlineData("concat:a|b", false)]
    [InlineData("rtsp://", false)]
    [InlineData("rtsp://cam\n/x", false)]
    [InlineData("rtsp://cam:99999/x", false)]
    [InlineData("rtsp://cam/x", true)]
    [InlineData("hls", false)]
    [InlineData("http://host/x", true)]
    [InlineData("srt://host", false)]
    [InlineData("srt://:9000", false)]
    [InlineData("srt://host:9000?mode=listener", false)]
    [InlineData("srt://host:9000?localaddr=/x", false)]
    [InlineData("srt://host:9000?mode=rendezvous", false)]
    [InlineData("srt://host:9000?passphrase=short", false)]
    [InlineData("rtmp://host/app", true)]
    [InlineData("rtmp://:1935/live/stream-key-1", false)]
    [InlineData("rtmp://:1935/live/short?mode=listener", false)]
    [InlineData("rtmp://:1935/live/a/stream-key-1?mode=listener", false)]
    [InlineData("rtmp://:1935/live/stream-key-1?mode=listener&x=y", false)]
    [InlineData("rtmp://:1935/live/stream-key-1?mode=listener", true)]
    [InlineData("rtmps://:1935/live/stream-key-1?mode=listener", false)]
    [InlineData("rtmp://user:secret@host/app/key", true)]
    [InlineData("file:talk.mkv", true)]
    [InlineData("/dev/sda", false)]
    [InlineData("/dev/video0/../sda", false)]
    [InlineData("udp://host:1", false)]
    public void What_is_no_address_is_refused_with_advice_that_does_not_repeat_it(string address, bool output)
    {
        Assert.Null(StreamAddress.Parse(address, output, out var problem));
        Assert.True(problem.Length is > 20 and < 250 && !problem.Contains("secret", StringComparison.Ordinal), problem);
    }
}
