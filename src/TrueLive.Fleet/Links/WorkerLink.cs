using System.Collections.Concurrent;
using System.Net.WebSockets;
using TrueLive.Fleet.Grains;
using TrueLive.Server.Fleet;

namespace TrueLive.Fleet.Links;

/// <summary>The control node's end of the link of one worker. Sends from any thread, one message at a time.</summary>
internal sealed class WorkerLink(WebSocket socket, LinkedWorker worker, CancellationToken ended) : IDisposable
{
    // More would mean a worker that answers nothing.
    private const int MaxWaiting = 256;

    private readonly SemaphoreSlim _turn = new(1);
    private readonly ConcurrentDictionary<long, TaskCompletionSource<Placed>> _waiting = new();
    private long _calls;

    public LinkedWorker Worker { get; set; } = worker;

    /// <summary>Asks the worker to take a session; a refusal where the link ends before it answers.</summary>
    public async Task<Placed> AskAsync(Place place, TimeSpan within, TimeProvider time)
    {
        if (_waiting.Count >= MaxWaiting)
            return Silent;
        var call = Interlocked.Increment(ref _calls);
        var answer = _waiting[call] = new TaskCompletionSource<Placed>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            await SendAsync(place with { Call = call }).ConfigureAwait(false);
            return await answer.Task.WaitAsync(within, time, ended).ConfigureAwait(false);
        }
        catch (Exception over) when (over is OperationCanceledException or TimeoutException or WebSocketException)
        {
            return Silent;
        }
        finally
        {
            _waiting.TryRemove(call, out _);
        }
    }

    public static Placed Silent { get; } = new(0, 503, "The worker does not answer.");

    public void Answered(Placed placed)
    {
        if (_waiting.TryRemove(placed.Call, out var answer))
            answer.SetResult(placed);
    }

    public async Task SendAsync(LinkMessage message)
    {
        await _turn.WaitAsync(ended).ConfigureAwait(false);
        try
        {
            await socket.SendAsync(LinkCodec.Write(message), WebSocketMessageType.Text, true, ended).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();
}
