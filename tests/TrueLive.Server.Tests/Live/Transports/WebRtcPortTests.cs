using System.Net;
using TrueLive.Server.Live.Transports;

namespace TrueLive.Server.Tests.Live.Transports;

public sealed class WebRtcPortTests
{
    [Theory]
    [InlineData("localhost", "127.0.0.1")]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("10.0.0.5", "10.0.0.5")]
    [InlineData("2001:db8::5", "2001:db8::5")]
    [InlineData("0.0.0.0", "::")]
    [InlineData("::", "::")]
    public void The_media_port_is_open_where_the_web_server_is_and_nowhere_else(string host, string address) =>
        Assert.Equal(IPAddress.Parse(address), WebRtcPort.AddressOf(host));
}
