using TrueLive.Core.Frames;
using TrueLive.Media.Files;
using TrueLive.Media.Streams;

namespace TrueLive.Probe.Targets;

/// <summary>
/// Takes pictures from an address, each as soon as it is decoded and with its own size. A source that is not there yet, is cut or says
/// nothing is tried again each second, and given up at the end of a connection once no picture has come for a given time.
/// </summary>
internal sealed class StreamReceiver(StreamLeg leg, TimeProvider time, TimeSpan patience) : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    // The segments of HLS come seconds apart, and whoever calls us may be long in coming.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LongSilence = TimeSpan.FromSeconds(30);

    private readonly FramePool _pool = new("probe stream", 32);
    private Connection? _connection;
    private long? _last;
    private long _overdue;
    private long _taken;
    private readonly HlsHosts? _hosts = leg.Address.Kind == StreamKind.Hls ? new HlsHosts(leg.Address.Fetched.IdnHost) : null;

    /// <summary>Why the last connection ended or failed, in words without anything secret; null while none has.</summary>
    public string? Problem { get; private set; }

    /// <summary>How often it broke off after its first picture.</summary>
    public int Breaks { get; private set; }

    /// <summary>Pictures that were let go because this program was too slow to take them.</summary>
    public long Overdue => _overdue + (_connection?.Overdue ?? 0);

    /// <summary>Pictures that came back, those that were let go included.</summary>
    public long Taken => Volatile.Read(ref _taken) + Overdue;

    /// <summary>With HLS the longest duration of a segment, once a playlist has said it.</summary>
    public TimeSpan? Segment { get; private set; }

    /// <summary>The next picture, whose ticket says when it was decoded; null when the source is given up.</summary>
    public async ValueTask<VideoFrame?> NextAsync(CancellationToken cancel)
    {
        while (_last is null || time.GetElapsedTime(_last.Value) < patience)
        {
            try
            {
                _connection ??= Open(await leg.FindAsync(cancel).ConfigureAwait(false));
                if (await _connection.ReadAsync(cancel).ConfigureAwait(false) is { } frame)
                {
                    _last = time.GetTimestamp();
                    _taken++;
                    Segment = _connection.Segment;
                    return frame;
                }
                Problem = await _connection.WhyAsync().ConfigureAwait(false);
            }
            catch (MediaMachineException lacking) when (lacking.Errno == 0)
            {
                throw new TargetException(lacking.Message, lacking);
            }
            catch (Exception failed) when (failed is MediaException or TargetException)
            {
                Problem = failed.Message;
            }
            if (_last is not null && _connection is { HadPictures: true })
                Breaks++;
            await CloseAsync().ConfigureAwait(false);
            await Task.Delay(Pause, time, cancel).ConfigureAwait(false);
        }
        return null;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        _hosts?.Dispose();
    }

    private async ValueTask CloseAsync()
    {
        if (_connection is not { } old)
            return;
        _connection = null;
        _overdue += old.Overdue;
        await old.DisposeAsync().ConfigureAwait(false);
    }

    private Connection Open(StreamPlace place)
    {
        var fetched = leg.Address.Kind == StreamKind.Hls;
        var input = LiveInput.Open(["-flags", "low_delay", .. leg.Arguments(place)], new ChildReach(Network: !fetched), _pool, time);
        return new Connection(leg.Address, input, _hosts, time, fetched || leg.Address.Listens ? LongSilence : Silence);
    }

    /// <summary>One connection: a child that decodes, what feeds it where it is fetched by us, and the watch over its silence.</summary>
    private sealed class Connection : IAsyncDisposable
    {
        private readonly StreamAddress _address;
        private readonly LiveInput _input;
        private readonly TimeSpan _silence;
        private readonly ITimer _watch;
        private readonly CancellationTokenSource _stop = new();
        private readonly HlsFeed? _feed;
        private readonly Task _feeding;
        private volatile string? _why;

        public Connection(StreamAddress address, LiveInput input, HlsHosts? hosts, TimeProvider time, TimeSpan silence)
        {
            (_address, _input, _silence) = (address, input, silence);
            _feed = hosts is null ? null : new HlsFeed(address, hosts.GetAsync, time, fromStart: true);
            _feeding = FeedAsync();
            _watch = time.CreateTimer(_ =>
            {
                _why ??= $"{address.Shown}: no picture came for {silence.TotalSeconds:0} s";
                input.Kill();
            }, null, silence, Timeout.InfiniteTimeSpan);
        }

        public bool HadPictures { get; private set; }

        public long Overdue => _input.Overdue;

        public TimeSpan? Segment => _feed?.Segment;

        public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
        {
            // Reads of a pipe do not end by themselves.
            await using var ended = cancel.Register(_input.Kill);
            if (await _input.ReadAsync(cancel).ConfigureAwait(false) is not { } frame)
            {
                cancel.ThrowIfCancellationRequested();
                return null;
            }
            HadPictures = true;
            _watch.Change(_silence, Timeout.InfiniteTimeSpan);
            return frame;
        }

        public async Task<string> WhyAsync()
        {
            var words = await _input.FailureAsync().ConfigureAwait(false);
            return _why ?? (words is null ? $"{_address.Shown} ended" : _address.Clean($"{_address.Shown}: {words}"));
        }

        public async ValueTask DisposeAsync()
        {
            await _watch.DisposeAsync().ConfigureAwait(false);
            await _stop.CancelAsync().ConfigureAwait(false);
            await _input.DisposeAsync().ConfigureAwait(false);
            await _feeding.ConfigureAwait(false);
            _stop.Dispose();
        }

        private async Task FeedAsync()
        {
            if (_feed is null)
                return;
            try
            {
                await _feed.RunAsync(_input.Feed, _stop.Token).ConfigureAwait(false);
            }
            catch (HttpRequestException failed)
            {
                _why ??= _address.Clean($"{_address.Shown}: {failed.InnerException?.Message ?? failed.Message}");
            }
            catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException)
            {
                // The child has ended, and says why.
            }
            finally
            {
                _input.Feed.Close();
            }
        }
    }
}
