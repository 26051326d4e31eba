using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json;

namespace TrueLive.Probe.Targets;

/// <summary>
/// Chromium's developer tools for its one page: enough to open an address, run a script before the page's own, and click.
/// </summary>
internal sealed class DevTools : IDisposable
{
    // Answers are small; what a page makes longer is its own attempt to fill our memory.
    private const int MaxMessage = 1 << 20;
    private readonly ClientWebSocket _socket = new();
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonElement>> _waiting = new();
    private readonly SemaphoreSlim _sending = new(1, 1);
    private int _last;

    private DevTools()
    {
    }

    /// <summary>Called when the page's process has crashed.</summary>
    public Action? Crashed { get; set; }

    /// <summary>Connects to the page of the browser that listens on this port of this machine.</summary>
    public static async Task<DevTools> ConnectAsync(int port, TimeProvider time, CancellationToken cancel)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/"), MaxResponseContentBufferSize = MaxMessage };
        while (true)
        {
            var pages = await http.GetFromJsonAsync<JsonElement>("json/list", cancel).ConfigureAwait(false);
            var page = pages.EnumerateArray().FirstOrDefault(p => p.GetProperty("type").GetString() == "page");
            if (page.ValueKind == JsonValueKind.Object)
            {
                var tools = new DevTools();
                await tools._socket.ConnectAsync(new Uri(page.GetProperty("webSocketDebuggerUrl").GetString()!), cancel)
                    .ConfigureAwait(false);
                _ = tools.ReadAsync();
                return tools;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Calls a method and returns its result.</summary>
    /// <exception cref="TargetException">The browser refused it, or is gone.</exception>
    public async Task<JsonElement> CallAsync(string method, object parameters, CancellationToken cancel)
    {
        var id = Interlocked.Increment(ref _last);
        var answer = _waiting[id] = new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously);
        await _sending.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            await _socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(new { id, method, @params = parameters }),
                WebSocketMessageType.Text, true, cancel).ConfigureAwait(false);
        }
        catch (Exception gone) when (gone is WebSocketException or InvalidOperationException)
        {
            throw new TargetException("the browser went away", gone);
        }
        finally
        {
            _sending.Release();
        }
        var message = await answer.Task.WaitAsync(cancel).ConfigureAwait(false);
        _waiting.TryRemove(id, out _);
        return message.TryGetProperty("result", out var result) ? result
            : throw new TargetException($"the browser refused {method}: {message.GetProperty("error").GetProperty("message")}");
    }

    /// <summary>The value of an expression in the page; of kind Undefined when it throws.</summary>
    public async Task<JsonElement> ValueAsync(string expression, CancellationToken cancel)
    {
        var result = await CallAsync("Runtime.evaluate", new { expression, returnByValue = true }, cancel).ConfigureAwait(false);
        return !result.TryGetProperty("exceptionDetails", out _) && result.GetProperty("result").TryGetProperty("value", out var value)
            ? value
            : default;
    }

    public void Dispose()
    {
        _socket.Dispose();
        _sending.Dispose();
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[MaxMessage];
        try
        {
            while (true)
            {
                var (length, fits) = (0, true);
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await _socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None).ConfigureAwait(false);
                    length += part.Count;
                    if (length == buffer.Length && !part.EndOfMessage)
                        (length, fits) = (0, false);
                }
                while (!part.EndOfMessage);
                if (part.MessageType == WebSocketMessageType.Close)
                    break;
                // What is too long to be an answer was made so by the page.
                if (!fits)
                    continue;
                using var message = JsonDocument.Parse(buffer.AsMemory(0, length));
                if (message.RootElement.TryGetProperty("id", out var id) && _waiting.TryGetValue(id.GetInt32(), out var waiting))
                    waiting.TrySetResult(message.RootElement.Clone());
                else if (message.RootElement.TryGetProperty("method", out var method) && method.ValueEquals("Inspector.targetCrashed"))
                    Crashed?.Invoke();
            }
        }
        catch (Exception gone) when (gone is WebSocketException or ObjectDisposedException or JsonException)
        {
        }
        foreach (var waiting in _waiting.Values)
            waiting.TrySetException(new TargetException("the browser went away"));
    }
}
