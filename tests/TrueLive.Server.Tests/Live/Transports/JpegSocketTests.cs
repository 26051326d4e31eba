using System.Net.WebSockets;
using TrueLive.Media.Codecs;
using TrueLive.Server.Live.Transports;

namespace TrueLive.Server.Tests.Live.Transports;

public sealed class JpegSocketTests : IDisposable
{
    private readonly WebSocket _wire = WebSocket.CreateFromStream(new MemoryStream(), new WebSocketCreationOptions { IsServer = true });
    private readonly LargePictures _large = new();
    private readonly JpegSocket _socket;

    public JpegSocketTests() => _socket = new JpegSocket(
        _wire, new PictureBudget(1, TimeProvider.System), _large, null, "client", TimeProvider.System);

    [Fact]
    public async Task A_report_that_comes_after_the_last_message_does_not_cut_off_the_goodbye()
    {
        _socket.SendText("{}"u8.ToArray());
        _socket.FinishTexts();
        _socket.SendText("{}"u8.ToArray());
        await _socket.SendTextsAsync(TestContext.Current.CancellationToken);
        Assert.Equal(WebSocketState.Open, _wire.State);
    }

    [Fact]
    public void A_client_that_takes_no_messages_is_cut_off()
    {
        for (var i = 0; i < 64; i++)
            _socket.SendText("{}"u8.ToArray());
        Assert.Equal(WebSocketState.Open, _wire.State);
        _socket.SendText("{}"u8.ToArray());
        Assert.Equal(WebSocketState.Aborted, _wire.State);
    }

    public void Dispose()
    {
        _socket.Dispose();
        _large.Dispose();
        _wire.Dispose();
    }
}
