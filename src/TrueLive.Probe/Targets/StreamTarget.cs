using TrueLive.Core.Frames;

namespace TrueLive.Probe.Targets;

/// <summary>
/// A service that takes a stream at one address and gives one back at another: RTMP, SRT, RTSP or MPEG-TS in datagrams to it, the same or
/// HLS back. Both ends are in this process and on the run's clock: a frame counts as sent when it goes to the encoder and as ready to be
/// shown when it is decoded, with HLS when a player three segments behind shows it.
/// </summary>
public sealed class StreamTarget : IProbeTarget
{
    // As much as may go unsent in a run that counts.
    private const double MostOverdue = 0.005;

    // With HLS a player is three segments behind, and no delay beyond this is searched for.
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(12);

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
    private int _lateBefore;
    private int _lostBefore;
    private long _overdueBefore;
    private long _connected;

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

    /// <summary>How long the way to the target, or back, may be dead in mid-run.</summary>
    internal TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long SRT holds packets back on the way there and back, as far as the addresses say.</summary>
    internal TimeSpan Held => TimeSpan.FromMicroseconds((_to.Address.Latency ?? 0L) + (_from.Address.Latency ?? 0L));

    /// <summary>Whether one of the two ways broke in mid-run.</summary>
    internal bool Broke => _receiver?.Breaks > 0 || _sender?.Breaks > _breaksBefore;

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
        .. Late is > 0 and var late
            ? [$"{late} pictures waited for the way to the target, or were let go: this machine, or that way, was too slow"]
            : Array.Empty<string>(),
        .. Lost is > 0 and var lost
            ? [$"{lost} pictures were not sent, or may have been lost, because the way to the target was broken"] : Array.Empty<string>(),
        .. _receiver?.Segment is { } segment && 3 * segment > LongestDelay
            ? [$"HLS in segments of {segment.TotalSeconds:0} s: a player is about {3 * segment.TotalSeconds:0} s behind, and delays " +
                $"beyond {LongestDelay.TotalSeconds:0} s are not found"] : Array.Empty<string>(),
    ];

    /// <inheritdoc/>
    public int Unsent => Late + Lost;

    /// <inheritdoc/>
    public IReadOnlyList<string> Faults =>
        (_receiver?.Overdue ?? 0) - _overdueBefore is var overdue && overdue > MostOverdue * (_receiver?.Taken ?? 0)
            ? [$"{overdue} pictures came back and were let go because this machine was too busy to take them (limit 0.5 %); free the " +
                "machine and run again"]
            : [];

    private int Late => (_sender?.Late ?? 0) - _lateBefore;

    private int Lost => (_sender?.Lost ?? 0) - _lostBefore;

    /// <inheritdoc/>
    public IProbeTarget? MakeEcho() => _relay is not null ? null : StreamRelay.Echo(_to, _from, _time, _patience);

    /// <inheritdoc/>
    public async Task ConnectAsync(StimulusFormat format, CancellationToken cancel)
    {
        // A host that is not known is told at once; whatever else goes wrong may pass.
        await _to.FindAsync(cancel).ConfigureAwait(false);
        await _from.FindAsync(cancel).ConfigureAwait(false);
        _receiver = new StreamReceiver(_from, _time, Silence);
        _sender = new StreamSender(_to, format, _time);
        using var late = new CancellationTokenSource(_patience, _time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        var coming = _receiver.NextAsync(limit.Token).AsTask();
        // Most services give nothing back, and refuse whoever asks, until something is sent to them.
        try
        {
            using var grey = Grey(format);
            while (!coming.IsCompleted && !limit.IsCancellationRequested)
            {
                _sender.Offer(grey);
                await Task.WhenAny(coming, Task.Delay(FrameTime, _time, limit.Token)).ConfigureAwait(false);
            }
            _first = await coming.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new TargetException($"{Description}: no picture came back within {_patience.TotalSeconds:0} s (--connect-seconds)." +
                Said("To the target", _sender.Problem) + Said("Back", _receiver.Problem));
        }
        finally
        {
            await limit.CancelAsync().ConfigureAwait(false);
            await ((Task)coming).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        (_breaksBefore, _lateBefore, _lostBefore) = (_sender.Breaks, _sender.Late, _sender.Lost);
        (_overdueBefore, _connected) = (_receiver.Overdue, _time.GetTimestamp());
    }

    /// <inheritdoc/>
    public ValueTask<bool> SendAsync(VideoFrame frame, CancellationToken cancel)
    {
        if (_time.GetElapsedTime(Math.Max(_connected, _sender!.Stood)) > Silence)
            throw new TargetException($"the target took no picture for {Silence.TotalSeconds:0} s." +
                Said("To the target", _sender.Problem));
        // Whether it leaves in time is known later, and counted then.
        _sender.Offer(frame);
        return ValueTask.FromResult(true);
    }

    /// <inheritdoc/>
    public async ValueTask<(VideoFrame Frame, long Presented)?> ReceiveAsync(CancellationToken cancel)
    {
        if (Interlocked.Exchange(ref _first, null) is { } first)
            return (first, first.Ticket.Arrived);
        if (await _receiver!.NextAsync(cancel).ConfigureAwait(false) is { } next)
            return (next, next.Ticket.Arrived);
        EndedBecause = $"no picture came back for {Silence.TotalSeconds:0} s.{Said("To the target", _sender!.Problem)}" +
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
