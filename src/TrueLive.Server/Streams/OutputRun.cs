using System.Globalization;
using System.Security.Cryptography;
using TrueLive.Media.Files;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;
using TrueLive.Server.Streams.Hls;

namespace TrueLive.Server.Streams;

/// <summary>
/// One way out of a session: takes the pictures that its encoder has made for everybody, and has an ffmpeg child pass them on as they are.
/// Where that breaks off or stalls it begins anew, with growing pauses.
/// </summary>
internal sealed class OutputRun : IAsyncDisposable
{
    // A far side that neither refuses nor takes anything for so long is given up; one that is waited for may take its time to come.
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Drain = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ProcessorTime = TimeSpan.FromDays(365);

    private readonly HostedSession _hosted;
    private readonly OutputSettings _settings;
    private readonly StreamAccess _access;
    private readonly StreamEvents _events;
    private readonly TimeProvider _time;
    private readonly OutputQueue _queue;
    private readonly GrowingPause _pause;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private volatile OutputFlow? _flow;
    private volatile LegStatus _status = new(LegState.Connecting, null, 0);
    private string? _marked;
    private long _bytes;
    private long _frames;

    public OutputRun(
        HostedSession hosted, OutputSettings settings, StreamAccess access, Func<string, HlsFolder> folder, StreamEvents events,
        TimeProvider time)
    {
        (_hosted, _settings, _access, _events, _time) = (hosted, settings, access, events, time);
        (_queue, _pause) = (new OutputQueue(settings.Bitrate, settings.Keyframes, time), new GrowingPause(time));
        Id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
        Hls = settings.Address.Kind == StreamKind.Hls ? new HlsOutput(folder(Id), settings.Keyframes, time) : null;
        hosted.Broadcaster.Add(_queue);
        _running = Task.Run(() => RunAsync(_stop.Token));
    }

    /// <summary>Name among the outputs of its session.</summary>
    public string Id { get; }

    public OutputSettings Settings => _settings;

    /// <summary>Completes when it has ended and all that it wrote is where it goes.</summary>
    public Task Completion => _running;

    /// <summary>For HLS, what players get.</summary>
    public HlsOutput? Hls { get; }

    public LegStatus Status => _status;

    /// <summary>For a recording, the name of the file in work.</summary>
    public string? File { get; private set; }

    public long Dropped => _queue.Dropped;

    public long Bytes => Volatile.Read(ref _bytes);

    public long Frames => Volatile.Read(ref _frames);

    /// <summary>Bits per second that were passed on lately; 0 when none were.</summary>
    public double Rate => _flow?.Rate ?? 0;

    /// <summary>How late pictures leave: those that wait, here or in the child, by their length; null before the first has left.</summary>
    public TimeSpan? Delay => _flow?.Behind + _queue.Waiting;

    /// <summary>Ends it: what was taken is passed on, for a few seconds at most.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync(CancellationToken stop)
    {
        try
        {
            await TryAsync(stop).ConfigureAwait(false);
        }
        finally
        {
            _hosted.Broadcaster.Remove(_queue);
            Hls?.End();
            Enter(LegState.Ended, null);
        }
    }

    private async Task TryAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            Enter(LegState.Connecting, _status.Problem);
            string? why;
            try
            {
                var place = await _access.OpenAsync(_settings.Address, output: true, _settings.Trusted, stop).ConfigureAwait(false);
                why = await PassAsync(place, stop).ConfigureAwait(false);
                if (place is { Address.Kind: StreamKind.File, File: { } file } && System.IO.File.Exists(file) && _marked is { } sourceType)
                    Xmp.AddToMp4(file, sourceType);
            }
            catch (Exception error) when (error is MediaException or RequestRefusedException or IOException or UnauthorizedAccessException)
            {
                why = _settings.Address.Clean(error.Message);
            }
            catch (OperationCanceledException)
            {
                break;
            }
            if (why is null || stop.IsCancellationRequested)
                continue;
            var pause = _pause.After(_flow?.Since);
            _flow = null;
            Enter(LegState.Retrying, $"{why} Tried again after {pause.TotalSeconds:0} s.", losses: 1);
            await Task.Delay(pause, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Returns why it broke off; null where it is to begin anew at once, or was told to end.
    private async Task<string?> PassAsync(StreamPlace place, CancellationToken stop)
    {
        var flow = new OutputFlow(_time);
        _marked = null;
        File = place.File is { } file ? Path.GetFileName(file) : null;
        await using var child = FfmpegChild.Start(
            "ffmpeg", LegCommands.Output(place, _hosted.SourceType), ProcessorTime, writes: true,
            reach: LegCommands.Reach(place, output: true));
        var gaveUp = (string?)null;
        var reading = Hls is null ? ReadAsync(child, flow) : CutAsync(Hls, child, flow, why => gaveUp = why);
        var writer = new OutputWriter(child.Input, flow, _time);
        using var watch = _time.CreateTimer(
            _ =>
            {
                if (!flow.IsStalled(Stall, waits: _settings.Address.Listens))
                    return;
                gaveUp = flow.Since is null ? "It did not answer." : "It took nothing any more.";
                child.Kill();
            }, null, Look, Look);
        using var drain = _time.CreateTimer(_ => child.Kill(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        await using var told = stop.Register(() => drain.Change(Drain, Timeout.InfiniteTimeSpan));
        _queue.Open();
        try
        {
            while (true)
            {
                using var packet = await _queue.NextAsync(stop).ConfigureAwait(false);
                if (packet.IsSound)
                {
                    Passed(flow, writer.HasBegun ? await writer.SoundAsync(packet, CancellationToken.None).ConfigureAwait(false) : 0);
                    continue;
                }
                var (begun, other) = (writer.HasBegun, writer.IsOther(packet));
                if (other && begun)
                    return null;
                if (!other && !begun)
                    continue;
                if (packet.Made)
                    _marked ??= _hosted.SourceType;
                Passed(flow, await writer.PictureAsync(packet, _hosted.SourceType, CancellationToken.None).ConfigureAwait(false));
                Interlocked.Increment(ref _frames);
                if (begun)
                    continue;
                // It opens its output when it has seen one picture, and whoever it waits for may come late: those until then are nobody's.
                _queue.Close();
                if (!await flow.Opened.Task.WaitAsync(stop).ConfigureAwait(false))
                    throw new IOException();
                _queue.Open();
            }
        }
        catch (IOException)
        {
            return gaveUp ?? _settings.Address.Clean($"{LiveInput.Plain(await child.ComplaintAsync().ConfigureAwait(false))}.");
        }
        catch (OperationCanceledException)
        {
            child.Input.Close();
            await child.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            return null;
        }
        finally
        {
            _queue.Close();
            child.Kill();
            await reading.ConfigureAwait(false);
        }
    }

    private void Passed(OutputFlow flow, int bytes)
    {
        flow.Wrote(bytes);
        Interlocked.Add(ref _bytes, bytes);
    }

    // ffmpeg tells twice a second how far it is, in lines of a name and a value.
    private async Task ReadAsync(FfmpegChild child, OutputFlow flow)
    {
        using var lines = new StreamReader(child.Output);
        while (await lines.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            if (!line.StartsWith("out_time_us=", StringComparison.Ordinal))
                continue;
            _ = long.TryParse(line.AsSpan("out_time_us=".Length), CultureInfo.InvariantCulture, out var at);
            Told(flow, TimeSpan.FromMicroseconds(at));
        }
        flow.Opened.TrySetResult(false);
    }

    private async Task CutAsync(HlsOutput hls, FfmpegChild child, OutputFlow flow, Action<string> gaveUp)
    {
        try
        {
            await new HlsCutter(hls).TakeAsync(child.Output, at => Told(flow, at), CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            // Whatever it is, it ends this child and not the output. What the system says of a file has its path in it.
            var disk = error is IOException or UnauthorizedAccessException;
            gaveUp(error is MediaException ? error.Message : Shortage.Of(error)?.Words
                ?? (disk ? "The disk does not take its segments." : "Its segments could not be cut."));
            child.Kill();
        }
        flow.Opened.TrySetResult(false);
    }

    private void Told(OutputFlow flow, TimeSpan at)
    {
        if (!flow.Told(at))
            return;
        _flow = flow;
        Enter(LegState.Live, null);
        flow.Opened.TrySetResult(true);
    }

    private void Enter(LegState state, string? problem, int losses = 0)
    {
        _status = new LegStatus(state, problem, _status.Losses + losses);
        _events.Add(Id, state, problem);
    }
}
