using System.Net;
using System.Text.Json;
using System.Net.Sockets;

namespace TrueLive.Watch.Tests;

/// <summary>How a webhook is told, against a real server on this machine.</summary>
public sealed class AlertDeliveryTests : IAsyncLifetime
{
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-watch-").FullName;
    private readonly HttpClient _http = new();
    private readonly SteppedClock _clock = new(t => t != AnswerTime);
    private readonly List<string> _said = [];
    private WatchHistory _history = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _history = await WatchHistory.OpenSqliteAsync(Path.Combine(_folder, "history.db"), Cancel);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _history.DisposeAsync();
        Directory.Delete(_folder, true);
    }

    [Fact]
    public async Task A_rule_that_breaks_and_is_met_again_is_told_once_each_with_the_report()
    {
        var bodies = new List<string>();
        using var server = new HandMadeServer(request =>
        {
            bodies.Add(request[(request.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
            return HandMadeServer.Bytes("204 No Content", "", []);
        });
        foreach (var delay in new[] { 100, 900, 900, 900, 100, 900, 100, 100 })
            await MeasureAsync(delay);
        await Delivery(server.Address).RunAsync(rest: true, Cancel);
        using var broken = JsonDocument.Parse(bodies[0]);
        using var again = JsonDocument.Parse(bodies[1]);
        Assert.Equal(2, bodies.Count);
        Assert.Equal(("broken", 3), About(broken));
        Assert.Equal("fast: delay.D50 <= 200 ms", broken.RootElement.GetProperty("rules")[0].GetProperty("rule").GetString());
        Assert.Equal(900, broken.RootElement.GetProperty("report").GetProperty("metrics").GetProperty("delay.D50").GetProperty("value")
            .GetDouble());
        Assert.Equal(("met_again", 8), About(again));
        Assert.All(await _history.AlertsAsync(Measured.Series, 10, Cancel), a => Assert.Equal("delivered", a.State));
    }

    [Fact]
    public async Task A_webhook_that_is_down_for_a_while_gets_the_message_after_growing_pauses()
    {
        using var server = new HandMadeServer(_ => null, HandMadeServer.Says("500 Oops", ""), HandMadeServer.Says("503 Busy", ""),
            HandMadeServer.Says("200 OK", ""));
        await BreakAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var delivered = new TaskCompletionSource();
        var delivering = Delivery(server.Address, async () =>
        {
            if (await StateAsync() == "delivered")
                delivered.SetResult();
        }).RunAsync(rest: false, stop.Token);
        var pauses = new List<double>();
        for (var k = 0; k < 3; k++)
        {
            pauses.Add((await _clock.WaitsAsync()).TotalSeconds);
            Assert.Equal("waiting", await StateAsync());
            _clock.Advance(TimeSpan.FromSeconds(pauses[^1]));
        }
        Assert.Equal([4, 8, 16], pauses);
        await delivered.Task.WaitAsync(Cancel);
        await stop.CancelAsync();
        await delivering;
        Assert.Equal(4, server.Asked);
        Assert.Equal(3, (await _history.AlertsAsync(Measured.Series, 1, Cancel))[0].Tries);
    }

    [Fact]
    public async Task A_webhook_that_does_not_answer_is_left_after_ten_seconds_and_the_page_says_so()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await BreakAsync();
        var limits = new SteppedClock(t => t == AnswerTime);
        var delivering = Delivery(new Uri($"http://{listener.LocalEndpoint}/"), () => WatchPage.WriteAsync(_history, _folder,
            limits.GetUtcNow(), Cancel), limits).RunAsync(rest: true, Cancel);
        await limits.WaitsAsync();
        limits.Advance(AnswerTime);
        await delivering;
        Assert.Contains("it did not answer within 10 s", await File.ReadAllTextAsync(Path.Combine(_folder, WatchPage.File), Cancel),
            StringComparison.Ordinal);
        Assert.Equal("waiting", await StateAsync());
    }

    [Fact]
    public async Task A_message_that_is_never_taken_is_given_up_after_a_day()
    {
        await BreakAsync();
        var tries = 0;
        var delivering = new AlertDelivery(Measured.Series, _history, (_, _) => Task.FromResult((HttpStatusCode)(++tries > 0 ? 404 : 0)),
            _ => Task.CompletedTask, _clock, _said.Add).RunAsync(rest: false, Cancel);
        var began = _clock.GetUtcNow();
        for (var k = 0; k < 29; k++)
            _clock.Advance(await _clock.WaitsAsync());
        while (await StateAsync() == "waiting")
            await Task.Yield();
        Assert.Equal(("given_up", 30), (await StateAsync(), tries));
        Assert.InRange((_clock.GetUtcNow() - began).TotalHours, 18, 26);
        Assert.False(delivering.IsCompleted);
    }

    [Fact]
    public async Task What_nobody_foresaw_does_not_end_the_delivery()
    {
        await BreakAsync();
        var (tries, changes) = (0, 0);
        var delivered = new TaskCompletionSource();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var delivering = new AlertDelivery(Measured.Series, _history,
            (_, _) => ++tries == 1 ? throw new InvalidOperationException("odd") : Task.FromResult(HttpStatusCode.OK),
            _ =>
            {
                if (++changes == 1)
                    throw new OperationCanceledException("a page that was not written in time");
                delivered.SetResult();
                return Task.CompletedTask;
            }, _clock, _said.Add).RunAsync(rest: false, stop.Token);
        // The pause is that of the message, not that of the page.
        Assert.Equal(TimeSpan.FromSeconds(4), await _clock.WaitsAsync());
        Assert.Equal("odd", (await _history.AlertsAsync(Measured.Series, 1, Cancel))[0].Error);
        Assert.Contains(_said, s => s.Contains("a page that was not written in time", StringComparison.Ordinal));
        _clock.Advance(TimeSpan.FromSeconds(4));
        await delivered.Task.WaitAsync(Cancel);
        Assert.Equal("delivered", await StateAsync());
        await stop.CancelAsync();
        await delivering;
    }

    [Fact]
    public async Task A_limit_that_fires_late_harms_nothing()
    {
        await BreakAsync();
        var clock = new LateClock();
        await new AlertDelivery(Measured.Series, _history, (_, _) => Task.FromResult(HttpStatusCode.OK), _ => Task.CompletedTask, clock,
            _said.Add).RunAsync(rest: true, Cancel);
        Assert.Equal("delivered", await StateAsync());
        clock.FireAll();
    }

    [Fact]
    public void Messages_of_different_series_have_different_ids()
    {
        var run = Measured.Run(3);
        var other = run with { Series = run.Series with { Place = "attic" } };
        string?[] ids = [.. new[] { run, other, run }.Select(r =>
        {
            using var body = JsonDocument.Parse(AlertBody.Of(r, "broken", [], null));
            return body.RootElement.GetProperty("id").GetString();
        })];
        Assert.Equal(ids[0], ids[2]);
        Assert.NotEqual(ids[0], ids[1]);
    }

    [Fact]
    public async Task Without_a_webhook_nothing_waits()
    {
        await MeasureAsync(100, delivery: false);
        await MeasureAsync(900, delivery: false);
        await MeasureAsync(900, delivery: false);
        Assert.Empty(await _history.AlertsAsync(Measured.Series, 10, Cancel));
    }

    private static (string? Event, int Run) About(JsonDocument body) =>
        (body.RootElement.GetProperty("event").GetString(), body.RootElement.GetProperty("run").GetInt32());

    private async Task BreakAsync()
    {
        foreach (var delay in new[] { 100, 900, 900 })
            await MeasureAsync(delay);
    }

    private async Task MeasureAsync(double delay, bool delivery = true)
    {
        var report = Measured.Report(delay);
        var run = RunReading.Of(Measured.Run(0), report, null, [Measured.Fast]);
        await _history.AppendAsync(run, 2, delivery ? (numbered, name, rules) => AlertBody.Of(numbered, name, rules, report) : null, 1000,
            Cancel);
    }

    private async Task<string> StateAsync() => (await _history.AlertsAsync(Measured.Series, 1, Cancel))[0].State;

    private AlertDelivery Delivery(Uri address, Func<Task>? changed = null, TimeProvider? time = null) => new(Measured.Series, _history,
        async (body, cancel) =>
        {
            using var content = new StringContent(body);
            using var answer = await _http.PostAsync(address, content, cancel);
            return answer.StatusCode;
        }, _ => changed?.Invoke() ?? Task.CompletedTask, time ?? _clock, _said.Add);
}
