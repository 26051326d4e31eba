using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;
using TrueLive.Media.Files;
using TrueLive.Server.Live.Broadcast;
using TrueLive.Server.Streams.Rtmp;

namespace TrueLive.Server.Streams;

/// <summary>Copies a source to a child until either ends.</summary>
internal delegate Task SourceFeed(Stream to, CancellationToken cancel);

/// <summary>
/// One connection to the source of a stream: an ffmpeg child, and for addresses that are fetched by us what feeds it. A source that says
/// nothing for too long is given up. Its pictures have times that begin at 0 and never go back.
/// </summary>
internal sealed class StreamSource : IVideoSource, IAsyncDisposable
{
    // A far side that answers at once and then sends no picture is given up after this; whoever is waited for has longer.
    private static readonly TimeSpan First = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan FirstOfCaller = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);

    // The segments of HLS come seconds apart.
    private static readonly TimeSpan HlsSilence = TimeSpan.FromSeconds(30);

    private readonly StreamAddress _address;
    private readonly LiveInput _input;
    private readonly MediaClock _clock;
    private readonly SourceSound _sound;
    private readonly ITimer _watch;
    private readonly CancellationTokenSource _stop;
    private readonly Task _feeding;
    private readonly TimeSpan _silence;
    private VideoFrame? _first;
    private volatile string? _why;
    private long _overdue;
    private bool _begun;

    private StreamSource(
        StreamPlace place, LiveInput input, SourceSound sound, SourceFeed? feed, TimeProvider time, CancellationToken cancel)
    {
        (_address, _input, _clock, _sound) = (place.Address, input, new MediaClock(time), sound);
        _silence = _address.Kind == StreamKind.Hls ? HlsSilence : Silence;
        var first = _address.Kind == StreamKind.SrtListen ? FirstOfCaller : First;
        _watch = time.CreateTimer(_ => GiveUp(), null, first, Timeout.InfiniteTimeSpan);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        _stop.Token.Register(input.Kill);
        _feeding = feed is null ? Task.CompletedTask : FeedAsync(feed);
    }

    /// <summary>Pictures that were let go because they had waited for too long.</summary>
    public long Overdue => _input.Overdue;

    /// <summary>How often the source's clock started again or jumped.</summary>
    public long Jumps => _clock.Jumps;

    /// <summary>Its sound.</summary>
    public SourceSound Sound => _sound;

    /// <summary>Size of the first picture.</summary>
    public (int Width, int Height) Size { get; private set; }

    /// <summary>Connects and waits for the first picture.</summary>
    /// <param name="place">Where it is.</param>
    /// <param name="loop">For a file: begin again at its end.</param>
    /// <param name="feed">Fetches it for a child that has no network; null for one that connects itself.</param>
    /// <param name="pool">Where frames are rented.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancel">Ends it, now and later.</param>
    /// <exception cref="IOException">There is no picture; the message says why, without anything secret.</exception>
    /// <exception cref="MediaMachineException">ffmpeg is not installed, or cannot be started now.</exception>
    public static async Task<StreamSource> OpenAsync(
        StreamPlace place, bool loop, SourceFeed? feed, FramePool pool, TimeProvider time, CancellationToken cancel)
    {
        return await OpenAsync(place, loop, feed, pool, time, sounds: true, cancel).ConfigureAwait(false)
            ?? (await OpenAsync(place, loop, feed, pool, time, sounds: false, cancel).ConfigureAwait(false))!;
    }

    // Null when it cannot be opened with its sound.
    private static async Task<StreamSource?> OpenAsync(
        StreamPlace place, bool loop, SourceFeed? feed, FramePool pool, TimeProvider time, bool sounds, CancellationToken cancel)
    {
        var sound = new SourceSound(time);
        var input = LiveInput.Open(LegCommands.Source(place, loop), LegCommands.Reach(place, output: false), pool, time,
            sounds ? sound.Packet : null);
        var source = new StreamSource(place, input, sound, feed, time, cancel);
        try
        {
            source._first = await source.NextAsync(cancel).ConfigureAwait(false);
            if (source._first is null)
            {
                var why = await source.WhyAsync().ConfigureAwait(false);
                if (!sounds || why?.Contains("decoder", StringComparison.OrdinalIgnoreCase) != true)
                    throw new IOException(why ?? $"{place.Address.Shown} ended before its first picture.");
                await source.DisposeAsync().ConfigureAwait(false);
                return null;
            }
            source.Size = (source._first.Width, source._first.Height);
            return source;
        }
        catch
        {
            await source.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
    {
        if (!_begun)
        {
            _begun = true;
            // Reads of a pipe do not end by themselves.
            cancel.Register(_input.Kill);
        }
        if (Interlocked.Exchange(ref _first, null) is { } first)
            return first;
        if (await NextAsync(cancel).ConfigureAwait(false) is { } next)
            return next;
        cancel.ThrowIfCancellationRequested();
        var why = await WhyAsync().ConfigureAwait(false);
        return _address.Kind == StreamKind.File && why is null ? null : throw new IOException(why ?? $"{_address.Shown} ended.");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _watch.DisposeAsync().ConfigureAwait(false);
        await _stop.CancelAsync().ConfigureAwait(false);
        await _input.DisposeAsync().ConfigureAwait(false);
        await _feeding.ConfigureAwait(false);
        _first?.Dispose();
        _stop.Dispose();
    }

    private async ValueTask<VideoFrame?> NextAsync(CancellationToken cancel)
    {
        if (await _input.ReadAsync(cancel).ConfigureAwait(false) is not { } frame)
            return null;
        _watch.Change(_silence, Timeout.InfiniteTimeSpan);
        if (_input.Overdue is var overdue && overdue > _overdue)
        {
            SessionMetrics.InputDropped(InputDrop.Overdue, overdue - _overdue);
            _overdue = overdue;
        }
        var (at, jumps) = (frame.Ticket.MediaTime, _clock.Jumps);
        frame.Ticket = _clock.Next(at, frame.Ticket.Arrived);
        _sound.Picture(at, frame.Ticket.Arrived, jumped: _clock.Jumps > jumps);
        return frame;
    }

    private async Task FeedAsync(SourceFeed feed)
    {
        try
        {
            await feed(_input.Feed, _stop.Token).ConfigureAwait(false);
        }
        catch (RtmpException error)
        {
            _why ??= error.Message;
        }
        catch (Exception error) when (error is IOException or HttpRequestException or OperationCanceledException or ObjectDisposedException)
        {
            // A child that has ended says more than that nothing can be written to it.
            if (error is HttpRequestException)
                _why ??= _address.Clean($"{_address.Host} could not be read: {error.InnerException?.Message ?? error.Message}");
        }
        finally
        {
            _input.Feed.Close();
        }
    }

    private void GiveUp()
    {
        _why ??= _address.Kind == StreamKind.SrtListen && _first is null && !_begun
            ? "Nobody sent a picture." : "No picture came for a while, though the connection was there.";
        _input.Kill();
    }

    // Null when it came to its end.
    private async Task<string?> WhyAsync()
    {
        var words = await _input.FailureAsync().ConfigureAwait(false);
        if (words is null || _why is not null)
            return _why;
        return _address.Clean(words.Contains("://", StringComparison.Ordinal) ? $"{words}." : $"{_address.Shown}: {words}.");
    }
}
