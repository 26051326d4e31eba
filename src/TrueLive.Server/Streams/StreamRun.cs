using System.Net;
using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;
using TrueLive.Media.Files;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;
using TrueLive.Server.Streams.Rtmp;

namespace TrueLive.Server.Streams;

/// <summary>What becomes of a stream whose source is lost.</summary>
internal enum LossAction : byte
{
    /// <summary>Its outputs go on with the last picture, and the source is tried again until it is back.</summary>
    Last,

    /// <summary>It ends.</summary>
    End,
}

/// <summary>What a source is doing.</summary>
internal enum LegState : byte
{
    /// <summary>On the way to its first picture, or waiting for the far side to come.</summary>
    Connecting,

    /// <summary>Pictures flow.</summary>
    Live,

    /// <summary>It broke off, or never began, and is tried again after a pause.</summary>
    Retrying,

    /// <summary>Over for good.</summary>
    Ended,
}

/// <summary>How a leg stands. One reference, so that no reader sees a loss without its reason.</summary>
/// <param name="State">What it is doing.</param>
/// <param name="Problem">Why it is not live, in words; null while it is.</param>
/// <param name="Losses">How often it broke off or failed.</param>
internal sealed record LegStatus(LegState State, string? Problem, long Losses);

/// <summary>
/// Keeps a session supplied from a source: one connection after another, each with an epoch of its own, with growing pauses between those
/// that fail. While there is none, the session is detached and says why. Publishers who come to us are taken after the shortest pause.
/// </summary>
internal sealed class StreamRun(
    HostedSession hosted, StreamRequest request, StreamAccess access, SessionRegistry sessions, RtmpPorts rtmp, StreamEvents events,
    TimeProvider time)
{
    /// <summary>Why a stream from a file is over that has come to its end.</summary>
    public const string FileOver = "The file has ended.";

    private readonly FramePool _pool = new("stream pictures");
    private readonly GrowingPause _pause = new(time);
    private RtmpPlace? _awaited;
    private volatile Connected _connected = new(0, 0, null, null, null);
    private volatile LegStatus _status = new(LegState.Connecting, null, 0);

    /// <summary>Where the pictures come from, without anything secret.</summary>
    public StreamAddress Address => request.Source;

    public LegStatus Status => _status;

    /// <summary>Size of the picture when the connection began; null before the first.</summary>
    public (int Width, int Height)? Size => _connected.Size;

    /// <summary>Whether the connection has brought sound.</summary>
    public bool HasSound => _connected.Source?.Sound.Packets > 0;

    /// <summary>Pictures that had waited for too long.</summary>
    public long Overdue => _connected.Overdue;

    /// <summary>How often the source's clock jumped.</summary>
    public long Jumps => _connected.Jumps;

    private bool HasEnded => hosted.Session.State == SessionState.Ended;

    /// <summary>Runs until the session ends.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            await SupplyAsync(stop).ConfigureAwait(false);
        }
        finally
        {
            if (_awaited is not null)
                await _awaited.DisposeAsync().ConfigureAwait(false);
            Enter(LegState.Ended, hosted.Session.Ended?.Words);
        }
    }

    private async Task SupplyAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested && !HasEnded)
        {
            long? liveSince = null;
            string words;
            Enter(LegState.Connecting, _status.Problem);
            try
            {
                var place = await access.OpenAsync(Address, output: false, request.Trusted, stop).ConfigureAwait(false);
                using var hosts = access.HostsOf(Address, request.Trusted);
                await using var publisher = await PublisherAsync(place, stop).ConfigureAwait(false);
                SourceFeed? feed = Address.Kind switch
                {
                    StreamKind.Hls => new HlsFeed(Address, (at, cancel) => HttpFeed.GetAsync(at, hosts, cancel), time).RunAsync,
                    StreamKind.Http => (to, cancel) => HttpFeed.RunAsync(Address, hosts, to, cancel),
                    StreamKind.RtmpListen => publisher!.FeedAsync,
                    _ => null,
                };
                await using var source = await StreamSource.OpenAsync(place, request.Loop, feed, _pool, time, stop).ConfigureAwait(false);
                _connected = new Connected(Overdue, Jumps, source, publisher, source.Size);
                liveSince = time.GetTimestamp();
                Listen(source);
                Enter(LegState.Live, null);
                var (transport, sink) = (Address.Kind.ToString().ToLowerInvariant(), new UnwatchedSink(hosted.Broadcaster));
                var end = await sessions.RunAsync(hosted, transport, source, sink, stop).ConfigureAwait(false);
                _connected = new Connected(Overdue, Jumps, null, null, Size);
                words = end.Because ?? end.Words;
                if (Address.Kind == StreamKind.File && !request.Loop && end.Error is null)
                {
                    sessions.End(hosted, EndCause.ReceiveClient, FileOver);
                    break;
                }
            }
            catch (Exception error) when (error is IOException or MediaException or RequestRefusedException)
            {
                words = error.Message;
            }
            // The session may have ended since it was last looked at.
            catch (Exception error) when (error is OperationCanceledException || (error is InvalidOperationException && HasEnded))
            {
                break;
            }
            if (stop.IsCancellationRequested || HasEnded)
                break;
            if (request.OnLoss == LossAction.End)
            {
                _status = _status with { Losses = _status.Losses + 1 };
                sessions.End(hosted, EndCause.ReceiveClient, words);
                break;
            }
            // Who publishes to us sets the pace: an encoder that comes back must be taken before it gives up.
            var pause = _awaited is null ? _pause.After(liveSince) : GrowingPause.Shortest;
            Enter(LegState.Retrying, $"{words} Tried again after {pause.TotalSeconds:0} s.", losses: 1);
            await Task.Delay(pause, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // The place stays between two publishers: one that comes back in the pause is not turned away, but waits for its end.
    private async Task<RtmpPublisher?> PublisherAsync(StreamPlace place, CancellationToken stop)
    {
        if (Address.Kind != StreamKind.RtmpListen)
            return null;
        var (application, key) = Address.Published;
        _awaited ??= rtmp.Open(new IPEndPoint(place.At!, Address.Port), application, key);
        return await _awaited.NextAsync(stop).ConfigureAwait(false);
    }

    private void Listen(StreamSource source)
    {
        var broadcaster = hosted.Broadcaster;
        broadcaster.Hear(source);
        source.Sound.Heard = (in packet, arrived) => broadcaster.SendAudio(source, packet, arrived);
    }

    private void Enter(LegState state, string? problem, int losses = 0)
    {
        try
        {
            // Whoever sees the state finds that the session says the same.
            hosted.Input.Tell(problem);
        }
        finally
        {
            _status = new LegStatus(state, problem, _status.Losses + losses);
            events.Add("source", state, problem);
        }
    }

    /// <summary>What supplies the session now, and the figures of all before. One reference, so that no reader counts one twice.</summary>
    private sealed record Connected(
        long OverdueBefore, long JumpsBefore, StreamSource? Source, RtmpPublisher? Publisher, (int Width, int Height)? Size)
    {
        public long Overdue => OverdueBefore + (Source?.Overdue ?? 0);

        public long Jumps => JumpsBefore + (Source?.Jumps ?? 0) + (Publisher?.Jumps ?? 0);
    }

    /// <summary>Pictures are made whether or not anybody watches: none is lost for that.</summary>
    private sealed class UnwatchedSink(IVideoSink watched) : IVideoSink
    {
        public async ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
        {
            await watched.WriteAsync(made, cancel).ConfigureAwait(false);
            return true;
        }
    }
}
