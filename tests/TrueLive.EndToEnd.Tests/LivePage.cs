using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Playwright;

namespace TrueLive.EndToEnd.Tests;

/// <summary>The page as a user sees it, with the actions and queries that tests share.</summary>
internal sealed class LivePage : IAsyncDisposable
{
    /// <summary>So long that only a hang reaches it, on any machine.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly IBrowserContext _context;
    private readonly ConcurrentQueue<string> _errors = [];
    private readonly Func<string> _log;

    public LivePage(IBrowserContext context, IPage page, Func<string> log)
    {
        (_context, Page, _log) = (context, page, log);
        page.PageError += (_, error) => _errors.Enqueue(error);
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
                _errors.Enqueue(message.Text);
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

    /// <summary>Waits until pictures with known provenance have come back, however slowly.</summary>
    public async Task PicturesAsync(int count = 10)
    {
        await UntilAsync("trueLive.transport && trueLive.figures.shown.count");
        var first = await EvalAsync<int>("trueLive.figures.lastTrace?.output ?? 0");
        await UntilAsync($"trueLive.transport && trueLive.figures.lastTrace.output > {first + count - 2}");
    }

    /// <summary>Waits for a condition in the page; on failure says what the page and the server said.</summary>
    public async Task UntilAsync(string condition)
    {
        if (await HoldsAsync(Page, condition))
            return;
        var state = await Page.InnerTextAsync("#state");
        var trouble = await Page.InnerTextAsync("#trouble");
        Assert.Fail($"Not in {Patience}: {condition}\nState: {state}\nTrouble: {trouble}\nErrors: " +
            $"{string.Join('\n', _errors)}\nServer:\n{_log()}");
    }

    /// <summary>
    /// Polls a condition in a page until it holds; from outside, since the page's Content-Security-Policy forbids evaluating text in it.
    /// One that reads what is not there yet does not hold yet.
    /// </summary>
    public static async Task<bool> HoldsAsync(IPage page, string condition)
    {
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        var script = $"(async () => !!await ({condition}))().catch((e) => {{ if (e instanceof TypeError) return false; throw e; }})";
        for (var began = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(began)
            < Patience; await look.WaitForNextTickAsync())
        {
            if (await page.EvaluateAsync<bool>(script))
                return true;
        }
        return false;
    }

    /// <summary>
    /// Enters a prompt, and waits until its first picture was confirmed and its transition is over. Returns the page's prompt-to-picture
    /// time in ms.
    /// </summary>
    public async Task<double> PromptAsync(string text)
    {
        await Page.EvaluateAsync("() => { trueLive.figures.promptToPicture = null; }");
        await Page.FillAsync("#prompt", text);
        await Page.PressAsync("#prompt", "Enter");
        await UntilAsync("trueLive.figures.promptToPicture !== null");
        var waited = await EvalAsync<double>("trueLive.figures.promptToPicture");
        var from = await EvalAsync<long>("trueLive.figures.lastTrace.arrived_ms | 0");
        await UntilAsync($"trueLive.figures.lastTrace.arrived_ms > {from} + 600");
        return waited;
    }

    /// <summary>Reloads the page, as with F5: the connection breaks and the tab keeps its token.</summary>
    public async Task ReloadAsync()
    {
        await Page.ReloadAsync();
        await UntilAsync("document.querySelector('#model').options.length > 0");
    }

    /// <summary>Begins to paint numbers into the scene that is sent, and to read them from what comes back.</summary>
    public Task PaintCodesAsync() => Page.EvaluateAsync(CodePainter.Start);

    /// <summary>At least this many pictures whose number this page painted and whose capture time is known from their traces.</summary>
    public async Task<SeenCode[]> CodesAsync(int count)
    {
        await UntilAsync($"codes.filter((c) => c[0] >= 0 && c[2] !== null).length >= {count}");
        return [.. (await EvalAsync<JsonElement>("codes")).EnumerateArray()
            .Where(c => c[0].GetInt32() >= 0 && c[2].ValueKind == JsonValueKind.Number)
            .Select(c => new SeenCode(c[0].GetInt32(), c[1].GetDouble(), c[2].GetDouble(), c[3].GetDouble()))];
    }

    public Task<T> EvalAsync<T>(string script) => Page.EvaluateAsync<T>(script);

    public Task<string> TextAsync(string id) => Page.InnerTextAsync("#" + id);

    /// <summary>
    /// Mean red, green, blue, mean saturation (0..255) and mean horizontal contrast of the input and the output as shown.
    /// </summary>
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

    /// <summary>Closes it, and ends the sessions on its server, which would keep them for a while and the cores with them.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await Page.EvaluateAsync(
                """
                async () => {
                  const ask = (address, method) => fetch(address, { method, signal: AbortSignal.timeout(10_000) });
                  try {
                    const { sessions } = await (await ask('/v1/sessions', 'GET')).json();
                    await Promise.all(sessions.map(({ id }) => ask(`/v1/sessions/${id}`, 'DELETE')));
                  } catch {
                    // The server is gone, or wants a key.
                  }
                }
                """);
        }
        finally
        {
            await _context.CloseAsync();
        }
    }
}

/// <summary>The appearance of a picture in five numbers.</summary>
internal readonly record struct Look(double Red, double Green, double Blue, double Saturation, double Contrast)
{
    public static Look From(JsonElement e) => new(e[0].GetDouble(), e[1].GetDouble(), e[2].GetDouble(), e[3].GetDouble(), e[4].GetDouble());

    /// <summary>Sum of the differences of all five.</summary>
    public double Distance(Look other) =>
        Math.Abs(Red - other.Red) + Math.Abs(Green - other.Green) + Math.Abs(Blue - other.Blue)
        + Math.Abs(Saturation - other.Saturation) + Math.Abs(Contrast - other.Contrast);
}

/// <summary>A number read from a picture that came back.</summary>
/// <param name="Number">As painted.</param>
/// <param name="PaintedAt">When the page painted it, in ms.</param>
/// <param name="CapturedAt">When it was captured according to provenance, in ms.</param>
/// <param name="ShownAt">When the picture was shown, in ms.</param>
internal sealed record SeenCode(int Number, double PaintedAt, double CapturedAt, double ShownAt);
