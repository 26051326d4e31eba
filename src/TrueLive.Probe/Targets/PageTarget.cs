using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using TrueLive.Core.Frames;
using TrueLive.Probe.Stimuli;
using Queues = System.Threading.Channels;

namespace TrueLive.Probe.Targets;

/// <summary>
/// Anything that a browser can reach: a headless Chromium loads an adapter script that exports <c>connect(stream, probe)</c>, which returns
/// the output stream, and perhaps <c>prompt(text)</c>. A vendor's own SDK is thus measured as its users experience it. A frame of a stream
/// counts as seen when it can be read; if the script returns a video element instead, when the browser expects the frame on the display
/// (<c>requestVideoFrameCallback</c>). The adapter gets only those environment variables that it names in <c>export const environment =
/// [...]</c>.
/// </summary>
public sealed partial class PageTarget : IProbeTarget
{
    private const int Pixels = Picture.AnalysisWidth * Picture.AnalysisHeight;
    private const int Head = 2 * sizeof(double);
    private const int MaxText = 64 << 10;
    private const int MaxNotes = 500;
    private readonly string _adapter;
    private readonly string _browser;
    private readonly IReadOnlyDictionary<string, string> _variables;
    private readonly Dictionary<string, string> _environment = [];
    private readonly TimeProvider _time;
    private readonly TimeSpan _patience;
    private readonly bool _withoutSandbox;
    private readonly FramePool _pool = new("probe page", 64);
    private readonly Queues.Channel<(VideoFrame Frame, long Presented)> _output =
        Queues.Channel.CreateBounded<(VideoFrame, long)>(new Queues.BoundedChannelOptions(48) { SingleReader = true, SingleWriter = true });
    private readonly TaskCompletionSource<bool> _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _sending = new(1, 1);
    private PageHost? _host;
    private BrowserProcess? _process;
    private WebSocket? _socket;
    private byte[] _message = [];
    private double _offset = double.PositiveInfinity;
    private int _notes;
    private bool _display;

    /// <summary>Creates a target; <see cref="ConnectAsync"/> starts the browser.</summary>
    /// <param name="adapter">Path of the script.</param>
    /// <param name="browser">Path of Chromium.</param>
    /// <param name="variables">Variables for the adapter: addresses, model names; no secrets.</param>
    /// <param name="time">The run's clock.</param>
    /// <param name="patience">How long connecting may take.</param>
    /// <param name="withoutSandbox">Whether to run the browser without its sandbox, which it does not have for root.</param>
    /// <exception cref="TargetException">There is no such script, or an environment variable that it names is not set.</exception>
    public PageTarget(string adapter, string browser, IReadOnlyDictionary<string, string> variables, TimeProvider time, TimeSpan patience,
        bool withoutSandbox = false)
    {
        (_adapter, _browser, _variables, _time, _patience, _withoutSandbox) = (adapter, browser, variables, time, patience, withoutSandbox);
        if (!File.Exists(adapter))
            throw new TargetException($"{adapter} does not exist.");
        foreach (var name in Named(File.ReadAllText(adapter)))
            _environment[name] = Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
                ? value
                : throw new TargetException($"{Path.GetFileName(adapter)} needs the environment variable {name}.");
    }

    /// <summary>Receives what the adapter logs, at most 500 lines of 500 characters.</summary>
    public Action<string>? Heard { get; set; }

    /// <inheritdoc/>
    public string Description =>
        $"page {Path.GetFileName(_adapter)}" + string.Concat(_variables.Select(v => $" {v.Key}={v.Value}"))
        + (_display ? " (as displayed)" : "");

    /// <inheritdoc/>
    public bool TakesPrompts { get; private set; }

    /// <inheritdoc/>
    public string? EndedBecause { get; private set; }

    /// <inheritdoc/>
    public async Task ConnectAsync(StimulusFormat format, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var timer = _time.CreateTimer(_ => limit.Cancel(), null, _patience, Timeout.InfiniteTimeSpan);
        try
        {
            _host = new PageHost(_adapter);
            _process = new BrowserProcess(_browser, _host.Page, _withoutSandbox);
            if (await Task.WhenAny(_host.Socket.WaitAsync(limit.Token), _process.Ended).ConfigureAwait(false) == _process.Ended)
                throw new TargetException($"{_browser} ended before it opened the page.");
            _socket = await _host.Socket.WaitAsync(limit.Token).ConfigureAwait(false);
            _ = ReadAsync();
            await SendAsync(new { connect = new { module = _host.Module, environment = _environment, variables = _variables } },
                limit.Token).ConfigureAwait(false);
            // Frames flow while it connects: some services wait for the first one.
            using var blank = _pool.Rent(format.Width, format.Height);
            blank.Y.Fill(100);
            blank.U.Fill(128);
            blank.V.Fill(128);
            while (!_connected.Task.IsCompleted)
            {
                await SendAsync(blank, limit.Token).ConfigureAwait(false);
                await Task.WhenAny(_connected.Task, Task.Delay(TimeSpan.FromMilliseconds(33), _time, limit.Token)).ConfigureAwait(false);
                limit.Token.ThrowIfCancellationRequested();
            }
            TakesPrompts = await _connected.Task.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new TargetException($"{Path.GetFileName(_adapter)} did not connect within {_patience.TotalSeconds:0} " +
                $"s{(EndedBecause is { } why ? ": " + why : "")}.");
        }
    }

    /// <inheritdoc/>
    public async ValueTask<bool> SendAsync(VideoFrame frame, CancellationToken cancel)
    {
        if (_socket is not { State: WebSocketState.Open } || !await _sending.WaitAsync(0, cancel).ConfigureAwait(false))
            return false;
        try
        {
            var (w, h) = (frame.Width, frame.Height);
            var length = 8 + w * h + 2 * frame.ChromaWidth * frame.ChromaHeight;
            if (_message.Length < length)
                _message = new byte[length];
            BinaryPrimitives.WriteInt32LittleEndian(_message, w);
            BinaryPrimitives.WriteInt32LittleEndian(_message.AsSpan(4), h);
            var at = 8;
            at += Copy(frame.Y, frame.StrideY, w, h, at);
            at += Copy(frame.U, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight, at);
            Copy(frame.V, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight, at);
            await _socket.SendAsync(_message.AsMemory(0, length), WebSocketMessageType.Binary, true, cancel).ConfigureAwait(false);
            return true;
        }
        catch (WebSocketException e)
        {
            throw new TargetException(EndedBecause ?? "the browser went away", e);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask<(VideoFrame Frame, long Presented)?> ReceiveAsync(CancellationToken cancel) =>
        await _output.Reader.WaitToReadAsync(cancel).ConfigureAwait(false) && _output.Reader.TryRead(out var next) ? next : null;

    /// <inheritdoc/>
    public Task PromptAsync(string prompt, CancellationToken cancel) => SendAsync(new { prompt }, cancel);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _process?.Dispose();
        _socket?.Dispose();
        _host?.Dispose();
        _sending.Dispose();
        _output.Writer.TryComplete();
        while (_output.Reader.TryRead(out var left))
            left.Frame.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>The environment variables that an adapter names.</summary>
    internal static IReadOnlyList<string> Named(string script) =>
        EnvironmentList().Match(script) is { Success: true } list
            ? [.. Name().Matches(list.Groups[1].Value).Select(m => m.Groups[1].Value)]
            : [];

    private int Copy(Span<byte> plane, int stride, int width, int height, int at)
    {
        for (var y = 0; y < height; y++)
            plane.Slice(y * stride, width).CopyTo(_message.AsSpan(at + y * width));
        return width * height;
    }

    private async Task SendAsync<T>(T message, CancellationToken cancel)
    {
        await _sending.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            await _socket!.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message), WebSocketMessageType.Text, true, cancel)
                .ConfigureAwait(false);
        }
        catch (WebSocketException e)
        {
            throw new TargetException(EndedBecause ?? "the browser went away", e);
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[Math.Max(MaxText, Head + Pixels * 3 / 2) + 1];
        try
        {
            while (true)
            {
                var (length, type) = (0, WebSocketMessageType.Text);
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await _socket!.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None).ConfigureAwait(false);
                    (length, type) = (length + part.Count, part.MessageType);
                }
                while (!part.EndOfMessage && length < buffer.Length);
                if (type == WebSocketMessageType.Close || length == buffer.Length)
                    break;
                if (type == WebSocketMessageType.Binary)
                    Take(buffer.AsSpan(0, length));
                else
                    Hear(buffer.AsSpan(0, length));
            }
        }
        catch (Exception e) when (e is WebSocketException or ObjectDisposedException or JsonException)
        {
        }
        EndedBecause ??= "the browser went away";
        _connected.TrySetException(new TargetException(EndedBecause));
        _output.Writer.TryComplete();
    }

    private void Take(ReadOnlySpan<byte> message)
    {
        if (message.Length != Head + Pixels * 3 / 2)
            return;
        var now = _time.GetTimestamp();
        var seen = BinaryPrimitives.ReadDoubleLittleEndian(message) / 1000 * _time.TimestampFrequency;
        var sent = BinaryPrimitives.ReadDoubleLittleEndian(message[sizeof(double)..]) / 1000 * _time.TimestampFrequency;
        if (!double.IsFinite(seen) || !double.IsFinite(sent) || Math.Abs(seen - sent) > _time.TimestampFrequency)
            return;
        // The smallest difference seen between the two clocks is that of the message that waited least on its way.
        _offset = Math.Min(_offset, now - sent);
        var frame = _pool.Rent(Picture.AnalysisWidth, Picture.AnalysisHeight);
        var at = Head;
        at += Fill(message[at..], frame.Y, frame.StrideY, frame.Width, frame.Height);
        at += Fill(message[at..], frame.U, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight);
        Fill(message[at..], frame.V, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight);
        frame.Colour = ColourSpace.Bt601Limited;
        if (!_output.Writer.TryWrite((frame, (long)(seen + _offset))))
            frame.Dispose();
    }

    private static int Fill(ReadOnlySpan<byte> from, Span<byte> plane, int stride, int width, int height)
    {
        for (var y = 0; y < height; y++)
            from.Slice(y * width, width).CopyTo(plane[(y * stride)..]);
        return width * height;
    }

    /// <summary>Handles a text message from the page.</summary>
    /// <exception cref="JsonException">It is not JSON.</exception>
    internal void Hear(ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text);
        using var message = JsonDocument.ParseValue(ref reader);
        try
        {
            Hear(message.RootElement);
        }
        catch (InvalidOperationException broken)
        {
            throw new JsonException("A text of it is not valid Unicode.", broken);
        }
    }

    // A name or text that is not valid Unicode throws InvalidOperationException when it is read.
    private void Hear(JsonElement message)
    {
        if (message.ValueKind != JsonValueKind.Object)
            return;
        if (message.TryGetProperty("connected", out _))
        {
            _display = Is("display");
            _connected.TrySetResult(Is("prompts"));
        }
        if (message.TryGetProperty("log", out var log) && _notes++ < MaxNotes)
            Heard?.Invoke("the adapter says: " + Words(log));
        if (message.TryGetProperty("error", out var error))
        {
            EndedBecause = "the adapter failed: " + Words(error);
            if (!_connected.TrySetException(new TargetException($"{Path.GetFileName(_adapter)}: {Words(error)}")))
                _output.Writer.TryComplete();
        }
        if (message.TryGetProperty("ended", out var ended))
        {
            EndedBecause = Words(ended);
            _output.Writer.TryComplete();
        }

        bool Is(string name) => message.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;
    }

    // Text from a page goes to terminals and into reports, so it must hold no control characters.
    private static string Words(JsonElement said) => string.Concat(said.ToString().Take(500).Where(c => !char.IsControl(c)));

    [GeneratedRegex(@"export\s+const\s+environment\s*=\s*\[([^\]]*)\]")]
    private static partial Regex EnvironmentList();

    [GeneratedRegex("['\"]([A-Za-z_][A-Za-z0-9_]*)['\"]")]
    private static partial Regex Name();
}
