using System.Net.Http.Headers;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Codecs;
using TrueLive.Server.Previews;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Previews;

public sealed class LookSheetTests
{
    private readonly FramePool _pool = new("look sheet test");

    [Theory]
    [InlineData(4, 4, 0)]
    [InlineData(1, 1, 3)]
    public async Task A_model_that_holds_frames_back_shows_its_looks_as_any_other(int takes, int gives, int lag)
    {
        var model = new HoldingModel(_pool, new Chunk(takes, gives, lag), new LookInfo("one", "One", "The first."),
            new LookInfo("two", "Two", "The second."));
        await using var server = await RunningServer.StartAsync(models: [model, new PassthroughModel()]);
        using var codec = new JpegCodec();
        using var grey = _pool.Rent(LookSheet.CellWidth, LookSheet.CellHeight);
        grey.Y.Fill(100);
        grey.U.Fill(128);
        grey.V.Fill(128);
        using var body = new ByteArrayContent(codec.Encode(grey, 95).ToArray());
        body.Headers.ContentType = new MediaTypeHeaderValue("image/jpeg");
        var answer = await server.Http.PostAsync("/v1/looks/preview?model=holding", body, TestContext.Current.CancellationToken);
        Assert.Equal("6,1,2", Assert.Single(answer.Headers.GetValues("X-TrueLive-Sheet")));
        using var sheet = codec.Decode(await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken), _pool)!;
        // Both looks have a picture made by the model, and the next cell is empty.
        var cells = Enumerable.Range(0, 3).Select(cell => (int)sheet.Y[sheet.StrideY * 50 + cell * LookSheet.CellWidth + 90]).ToArray();
        Assert.True(cells[0] > 90, $"{cells[0]}");
        Assert.InRange(cells[1], cells[0] - 3, cells[0] + 3);
        Assert.InRange(cells[2], 0, 20);
    }
}
