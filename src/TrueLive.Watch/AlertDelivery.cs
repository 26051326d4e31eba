using System.Net;
using System.Threading.Channels;

namespace TrueLive.Watch;

/// <summary>
/// Delivers a series' messages one after the other, beside the runs. A message that is not taken is tried again with growing pauses for
/// about 20 hours and then given up. It may come twice, with the same id, if the watch ends while it is being taken.
/// </summary>
/// <param name="series">Whose messages.</param>
/// <param name="history">Where they wait.</param>
/// <param name="post">Posts a body; throws when it cannot.</param>
/// <param name="changed">Called when a message was delivered or not.</param>
/// <param name="time">The clock.</param>
/// <param name="say">Receives in words what happens.</param>
public sealed class AlertDelivery(
    WatchSeries series, WatchHistory history, Func<string, CancellationToken, Task<HttpStatusCode>> post,
    Func<CancellationToken, Task> changed, TimeProvider time, Action<string> say)
{
    private const int MostTries = 30;
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    // After this long delivery goes on when something else failed, such as reading the history.
    private static readonly TimeSpan AwayPause = TimeSpan.FromMinutes(1);

    // What became of a post that the history has not taken yet: nothing else is posted before, or a full disk would repeat the message.
    private WatchAlert? _outcome;

    private readonly Channel<bool> _wake =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Says that there may be a message.</summary>
    public void Wake() => _wake.Writer.TryWrite(true);

    /// <summary>The pause after so many failed tries.</summary>
    internal static TimeSpan Pause(int tries) => tries > 10 ? LongestPause
        : FirstPause * Math.Pow(2, tries - 1) is var pause && pause < LongestPause ? pause : LongestPause;

    /// <summary>Delivers until it is stopped; with <paramref name="rest"/> until nothing is left that can be delivered at once.</summary>
    public async Task RunAsync(bool rest, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var pause = TimeSpan.Zero;
                await KeepAsync().ConfigureAwait(false);
                if (await history.WaitingAsync(series, stop).ConfigureAwait(false) is { } alert)
                    pause = await TryAsync(alert, stop).ConfigureAwait(false);
                else if (rest)
                    return;
                else
                    await _wake.Reader.ReadAsync(stop).ConfigureAwait(false);
                if (pause > TimeSpan.Zero && rest)
                    return;
                await Task.Delay(pause, time, stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                // Nobody would notice for weeks that messages go out no more.
                say($"Messages that wait could not be delivered: {error.Message} This is tried again in {AwayPause.TotalSeconds:0} s.");
                await Task.Delay(AwayPause, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<TimeSpan> TryAsync(WatchAlert alert, CancellationToken stop)
    {
        var why = await PostAsync(alert, stop).ConfigureAwait(false);
        var tries = alert.Tries + (why is null ? 0 : 1);
        _outcome = alert with
        {
            Tries = tries,
            State = why is null ? "delivered" : tries >= MostTries ? "given_up" : "waiting",
            Error = why,
        };
        await KeepAsync().ConfigureAwait(false);
        try
        {
            await changed(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            say($"The page could not be written: {error.Message}");
        }
        if (why is null)
            return TimeSpan.Zero;
        var pause = tries >= MostTries ? TimeSpan.Zero : Pause(tries);
        say($"The webhook did not take the message about run {alert.Number}: {why}. " +
            (tries >= MostTries ? "It is given up." : $"It is tried again in {pause.TotalSeconds:0} s."));
        return pause;
    }

    private async Task KeepAsync()
    {
        if (_outcome is { } outcome)
            await history.KeepAsync(outcome, CancellationToken.None).ConfigureAwait(false);
        _outcome = null;
    }

    private async Task<string?> PostAsync(WatchAlert alert, CancellationToken stop)
    {
        using var limit = new CancellationTokenSource(AnswerTime, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        try
        {
            var status = (int)await post(alert.Body, either.Token).ConfigureAwait(false);
            return status is >= 200 and < 300 ? null : $"it answered {status}";
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return "it did not answer within 10 s";
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            return error.InnerException?.Message ?? error.Message;
        }
    }
}
