using TrueLive.Server.Streams.Rtmp;

namespace TrueLive.Server.Tests.Streams;

/// <summary>Values of RTMP's commands.</summary>
public sealed class Amf0Tests
{
    [Fact]
    public void What_an_object_says_before_a_member_that_cannot_be_read_is_known()
    {
        byte[] whole = Amf0.Write("connect", 1d, new (string, object?)[] { ("app", "live") });
        // In place of the end, a member in AMF3.
        byte[] odd = [.. whole[..^3], 0, 1, (byte)'x', 0x11, 0x0A, 0x0B];
        Assert.Equal("live", Assert.IsType<Dictionary<string, object?>>(Amf0.Read(odd)[2])["app"]);
        Assert.Equal("connect", Assert.Single(Amf0.Read(whole.AsSpan(0, 13))));
        Assert.Empty(Amf0.Read([2, 0, 9, 1]));
    }
}
