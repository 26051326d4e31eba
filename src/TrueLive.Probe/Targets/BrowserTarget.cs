using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text.Json;
using TrueLive.Core.Frames;
using TrueLive.Probe.Stimuli;
using Queues = System.Threading.Channels;

namespace TrueLive.Probe.Targets;

/// <summary>
/// Anything that runs in a browser: a headless Chromium gets the frames over a WebSocket and gives the output back over it, in a small
/// size. The page may be hostile, so all that it says is bounded.
/// </summary>
public abstract partial class BrowserTarget : IProbeTarget
{
    private const int Pixels = Picture.AnalysisWidth * Picture.AnalysisHeight;
    private const int Head = 2 * sizeof(double);
    private const int MaxText = 64 << 10;
    private const int MaxNotes = 500;
    private readonly BrowserOptions _options;
    private readonly TimeProvider _time;
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

    private protected BrowserTarget(BrowserOptions options, TimeProvider time) => (_options, _time) = (options, time);

    /// <summary>Receives what the page logs, at most 500 lines of 500 characters.</summary>
    public Action<string>? Heard { get; set; }

    /// <inheritdoc/>
    public abstract string Description { get; }

    /// <inheritdoc/>
    public bool TakesPrompts { get; private set; }

    /// <inheritdoc/>
    public string? EndedBecause { get; private set; }

    /// <summary>Whether frames count as seen when they are on the display.</summary>
    private protected bool OnDisplay { get; private set; }

    /// <summary>What is measured, in messages.</summary>
    private protected abstract string Name { get; }

    /// <summary>What sends and answers in the page, in messages.</summary>
    private protected abstract string Speaker { get; }

    private protected TimeProvider Time => _time;

    /// <inheritdoc/>
    public async Task ConnectAsync(StimulusFormat format, CancellationToken cancel)
    {
        using var late = new CancellationTokenSource(_options.Patience, _time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        try
        {
            _host = Host();
            _process = new BrowserProcess(_options, FirstPage(_host), HasDevTools, _time);
            var opening = OpenAsync(_process, _host, limit.Token);
            await Task.WhenAny(opening, _process.Ended).ConfigureAwait(false);
            if (!opening.IsCompleted)
                throw new TargetException(_process.EndedBecause ?? $"{_options.Browser} ended before it opened the page.");
            await opening.ConfigureAwait(false);
            _socket = await _host.Socket.WaitAsync(limit.Token).ConfigureAwait(false);
            _ = ReadAsync();
            await SendAsync(Order(_host), limit.Token).ConfigureAwait(false);
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
            var seconds = _options.Patience.TotalSeconds;
            throw new TargetException(await WhyNotAsync(cancel).ConfigureAwait(false)
                ?? $"{Name} did not connect within {seconds:0} s{(EndedBecause is { } why ? ": " + why : "")}.");
        }
    }

    /// <summary>What the browser may reach of this machine.</summary>
    private protected abstract PageHost Host();

    /// <summary>What the browser opens first.</summary>
    private protected abstract string FirstPage(PageHost host);

    /// <summary>Whether the browser is driven from here.</summary>
    private protected virtual bool HasDevTools => false;

    /// <summary>Gets the page so far that it opens the WebSocket.</summary>
    private protected virtual Task OpenAsync(BrowserProcess browser, PageHost host, CancellationToken cancel) =>
        host.Socket.WaitAsync(cancel);

    /// <summary>The first message to the page.</summary>
    private protected abstract object Order(PageHost host);

    /// <summary>Why there is no connection after all the time for it; null for no better reason.</summary>
    private protected virtual Task<string?> WhyNotAsync(CancellationToken cancel) => Task.FromResult<string?>(null);

    /// <summary>Ends the run for this reason.</summary>
    private protected void End(string why)
    {
        EndedBecause ??= why;
        _connected.TrySetException(new TargetException(EndedBecause));
        _output.Writer.TryComplete();
    }

    /// <inheritdoc/>
    public bool TakesRate(int rate) => rate is > 0 and <= 30;

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
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _process?.Dispose();
        _socket?.Dispose();
        _host?.Dispose();
        _sending.Dispose();
        _output.Writer.TryComplete();
        while (_output.Reader.TryRead(out var left))
            left.Frame.Dispose();
        return ValueTask.CompletedTask;
    }

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
}
