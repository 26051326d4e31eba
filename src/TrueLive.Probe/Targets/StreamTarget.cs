using TrueLive.Core.Frames;

namespace TrueLive.Probe.Targets;

/// <summary>
/// A service that takes a stream at one address and gives one back at another: RTMP, SRT, RTSP or MPEG-TS in datagrams to it, the same or
/// HLS back. Both ends are in this process and on the run's clock: a frame counts as sent when it goes to the encoder and as ready to be
/// shown when it is decoded, with HLS when a player three segments behind shows it.
/// </summary>
public sealed class StreamTarget : IProbeTarget
{
    private static readonly TimeSpan FrameTime = TimeSpan.FromSeconds(1 / 30.0);

    private readonly StreamLeg _to;
    private readonly StreamLeg _from;
    private readonly TimeProvider _time;
    private readonly TimeSpan _patience;
    private readonly StreamRelay? _relay;
    private StreamSender? _sender;
    private StreamReceiver? _receiver;
    private VideoFrame? _first;
    private int _breaksBefore;
    private int _droppedBefore;
    private long _overdueBefore;

    /// <param name="send">Where the service takes a stream. What is secret in it is never shown.</param>
    /// <param name="receive">Where it gives one back.</param>
    /// <param name="time">The run's clock.</param>
    /// <param name="patience">How long the first picture may take to come back; a minute by default.</param>
    /// <exception cref="FormatException">An address cannot be used; the message says which are taken.</exception>
    public StreamTarget(string send, string receive, TimeProvider time, TimeSpan? patience = null)
        : this(StreamLeg.To(send), StreamLeg.From(receive), time, patience ?? TimeSpan.FromSeconds(60), null)
    {
    }

    internal StreamTarget(StreamLeg to, StreamLeg from, TimeProvider time, TimeSpan patience, StreamRelay? relay) =>
        (_to, _from, _time, _patience, _relay) = (to, from, time, patience, relay);

    /// <inheritdoc/>
    public string Description => $"stream {_to.Address.Shown} to {_from.Address.Shown}";

    /// <inheritdoc/>
    public bool TakesPrompts => false;

    /// <inheritdoc/>
    public string? EndedBecause { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Notes =>
    [
        .. Counted(_receiver?.Breaks ?? 0, "the stream that came back broke off", "and was taken up again"),
        .. Counted((_sender?.Breaks ?? 0) - _breaksBefore, "the stream to the target broke off", "and was begun again"),
        .. (_sender?.Dropped ?? 0) - _droppedBefore is > 0 and var dropped
            ? [$"{dropped} pictures were let go because the way to the target was full"] : Array.Empty<string>(),
        .. (_receiver?.Overdue ?? 0) - _overdueBefore is > 0 and var overdue
            ? [$"{overdue} pictures came back and were let go because this machine was too busy to take them"] : Array.Empty<string>(),
    ];

    /// <inheritdoc/>
    public IProbeTarget? MakeEcho() => _relay is not null ? null : StreamRelay.Echo(_to, _from, _time, _patience);

    /// <inheritdoc/>
    public async Task ConnectAsync(StimulusFormat format, CancellationToken cancel)
    {
        // A host that is not known is told at once; whatever else goes wrong may pass.
        await _to.FindAsync(cancel).ConfigureAwait(false);
        await _from.FindAsync(cancel).ConfigureAwait(false);
        _receiver = new StreamReceiver(_from, _time);
        _sender = new StreamSender(_to, format, _time);
        using var late = new CancellationTokenSource(_patience, _time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        var coming = _receiver.NextAsync(limit.Token).AsTask();
        // Most services give nothing back, and refuse whoever asks, until something is sent to them.
        using (var grey = Grey(format))
        {
            while (!coming.IsCompleted)
            {
                _sender.Offer(grey);
                await Task.WhenAny(coming, Task.Delay(FrameTime, _time, limit.Token)).ConfigureAwait(false);
            }
        }
        try
        {
            _first = await coming.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new TargetException($"{Description}: no picture came back within {_patience.TotalSeconds:0} s (--connect-seconds)." +
                Said("To the target", _sender.Problem) + Said("Back", _receiver.Problem));
        }
        (_breaksBefore, _droppedBefore, _overdueBefore) = (_sender.Breaks, _sender.Dropped, _receiver.Overdue);
    }

    /// <inheritdoc/>
    public ValueTask<bool> SendAsync(VideoFrame frame, CancellationToken cancel)
    {
        // What finds the way to the target full is let go, as an encoder does.
        _sender!.Offer(frame);
        return ValueTask.FromResult(true);
    }

    /// <inheritdoc/>
    public async ValueTask<(VideoFrame Frame, long Presented)?> ReceiveAsync(CancellationToken cancel)
    {
        if (Interlocked.Exchange(ref _first, null) is { } first)
            return (first, first.Ticket.Arrived);
        if (await _receiver!.NextAsync(cancel).ConfigureAwait(false) is { } next)
            return (next, next.Ticket.Arrived);
        EndedBecause = $"no picture came back for {StreamReceiver.Patience.TotalSeconds:0} s.{Said("To the target", _sender!.Problem)}" +
            Said("Back", _receiver.Problem);
        return null;
    }

    /// <inheritdoc/>
    public Task PromptAsync(string prompt, CancellationToken cancel) => Task.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_sender is not null)
            await _sender.DisposeAsync().ConfigureAwait(false);
        if (_receiver is not null)
            await _receiver.DisposeAsync().ConfigureAwait(false);
        if (_relay is not null)
            await _relay.DisposeAsync().ConfigureAwait(false);
        _first?.Dispose();
    }

    private static VideoFrame Grey(StimulusFormat format)
    {
        var grey = new FramePool("probe prelude", 1).Rent(format.Width, format.Height);
        grey.Y.Fill(128);
        grey.U.Fill(128);
        grey.V.Fill(128);
        return grey;
    }

    private static string Said(string which, string? problem) => problem is null ? "" : $" {which}: {problem.TrimEnd('.')}.";

    private static IEnumerable<string> Counted(int times, string what, string then) => times switch
    {
        <= 0 => [],
        1 => [$"{what} once {then}"],
        _ => [$"{what} {times} times {then}"],
    };
}
