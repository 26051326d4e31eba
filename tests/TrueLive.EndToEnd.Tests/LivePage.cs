using System.Text.Json;
using Microsoft.Playwright;

namespace TrueLive.EndToEnd.Tests;

/// <summary>The page as a user has it, with the few steps and looks that the tests share.</summary>
internal sealed class LivePage : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly List<string> _errors = [];
    private readonly ServerProcess _server;

    public LivePage(IBrowserContext context, IPage page, ServerProcess server)
    {
        (_context, Page, _server) = (context, page, server);
        page.PageError += (_, error) => _errors.Add(error);
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
                _errors.Add(message.Text);
        };
    }

    public IPage Page { get; }

    /// <summary>Chooses input, model and size, and starts.</summary>
    public async Task StartAsync(string source, string? model = null, string? size = null)
    {
        await Page.SelectOptionAsync("#source", source);
        if (model is not null)
            await Page.SelectOptionAsync("#model", model);
        if (size is not null)
            await Page.SelectOptionAsync("#size", size);
        await Page.ClickAsync("#start");
    }

    /// <summary>Waits until pictures with known provenance have come back.</summary>
    public Task PicturesAsync(int count = 10) => UntilAsync($"trueLive.transport && trueLive.figures.shown.count >= {count}");

    /// <summary>Waits for a condition in the page; on failure says what the page and the server said.</summary>
    public async Task UntilAsync(string condition, int seconds = 20)
    {
        try
        {
            await Page.WaitForFunctionAsync(condition, null, new PageWaitForFunctionOptions { Timeout = seconds * 1000, PollingInterval = 50 });
        }
        catch (TimeoutException)
        {
            var state = await Page.InnerTextAsync("#state");
            var trouble = await Page.InnerTextAsync("#trouble");
            Assert.Fail($"Not in {seconds} s: {condition}\nState: {state}\nTrouble: {trouble}\nErrors: {string.Join('\n', _errors)}\nServer:\n{_server.Log}");
        }
    }

    public Task<T> EvalAsync<T>(string script) => Page.EvaluateAsync<T>(script);

    public Task<string> TextAsync(string id) => Page.InnerTextAsync("#" + id);

    /// <summary>Mean red, green, blue, mean saturation (0..255) and mean horizontal contrast of the input and the output as shown.</summary>
    public async Task<(Look Input, Look Output)> LooksAsync()
    {
        var json = await Page.EvaluateAsync<JsonElement>(
            """
            () => [trueLive.source.view, trueLive.transport.view].map((view) => {
              const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 90 });
              const pen = canvas.getContext('2d');
              pen.drawImage(view, 0, 0, 160, 90);
              const { data } = pen.getImageData(0, 0, 160, 90);
              let r = 0, g = 0, b = 0, s = 0, e = 0;
              for (let i = 0; i < data.length; i += 4) {
                r += data[i]; g += data[i + 1]; b += data[i + 2];
                s += Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]);
                if (i >= 4) e += Math.abs(data[i + 1] - data[i - 3]);
              }
              const n = data.length / 4;
              return [r / n, g / n, b / n, s / n, e / n];
            })
            """);
        return (Look.From(json[0]), Look.From(json[1]));
    }

    public ValueTask DisposeAsync() => new(_context.CloseAsync());
}

/// <summary>A picture in five numbers.</summary>
internal readonly record struct Look(double Red, double Green, double Blue, double Saturation, double Contrast)
{
    public static Look From(JsonElement e) => new(e[0].GetDouble(), e[1].GetDouble(), e[2].GetDouble(), e[3].GetDouble(), e[4].GetDouble());

    /// <summary>Sum of the differences of all five.</summary>
    public double Distance(Look other) =>
        Math.Abs(Red - other.Red) + Math.Abs(Green - other.Green) + Math.Abs(Blue - other.Blue)
        + Math.Abs(Saturation - other.Saturation) + Math.Abs(Contrast - other.Contrast);
}
