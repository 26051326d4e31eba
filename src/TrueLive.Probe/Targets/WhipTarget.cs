using System.Buffers;
using System.Text;
using System.Text.Json;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Peers;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Whip;
using Queues = System.Threading.Channels;

namespace TrueLive.Probe.Targets;

/// <summary>
/// A WHIP endpoint that sends video back in the same connection, over a native WebRTC client: a frame counts as sent when it goes to the
/// encoder and as ready to be shown when it is decoded. Unlike the page target, it has no playout buffer of a browser.
/// </summary>
/// <param name="endpoint">WHIP address, or the address of a TrueLive server.</param>
/// <param name="isTrueLive">The server is TrueLive's: prompts go through its API.</param>
/// <param name="key">Bearer token; null for none.</param>
/// <param name="time">The run's clock.</param>
/// <param name="inserted">
/// How long each frame that comes back is held before it is decoded: a known difference to check the instrument by.
/// </param>
/// <param name="reach">Which addresses the server may make the probe connect to.</param>
/// <param name="patience">How long the answer to the offer may take; 10 s by default.</param>
public sealed class WhipTarget(
    Uri endpoint, bool isTrueLive, string? key, TimeProvider time, TimeSpan inserted = default, WhipReach reach = WhipReach.Any,
    TimeSpan? patience = null) : IProbeTarget
{
    private readonly Queues.Channel<Coded> _coded = Queues.Channel.CreateBounded<Coded>(new Queues.BoundedChannelOptions(60
        + (int)(60 * inserted.TotalSeconds))
    { SingleReader = true });
    private readonly FramePool _pool = new("probe WebRTC", 32);
    private readonly VideoDecoder _decoder = new();
    private VideoEncoder? _encoder;
    private WhipClient? _client;
    private Uri? _session;
    private int _keyFrameAsked;
    private volatile LineState _line = LineState.Good;

    /// <summary>Receives a message when a busy server asks the probe to wait.</summary>
    public Action<string>? Heard { get; set; }

    /// <inheritdoc/>
    public string Description =>
        $"{(isTrueLive ? "truelive" : "whip")} " +
        $"{new UriBuilder(endpoint) { UserName = "", Password = "", Query = "" }.Uri}{(inserted == default ? "" : $", {inserted.TotalMilliseconds:0} ms inserted")}";

    /// <inheritdoc/>
    public bool TakesPrompts => _session is not null;

    /// <inheritdoc/>
    public string? EndedBecause { get; private set; }

    /// <inheritdoc/>
    public async Task ConnectAsync(StimulusFormat format, CancellationToken cancel)
    {
        var url = isTrueLive ? new Uri(Root, $"whip?size={format.Width}x{format.Height}") : endpoint;
        try
        {
            _client = await WhipClient.ConnectAsync(url, key, new MediaPreferences { Audio = false, DataChannels = false }, new PeerHandlers
            {
                VideoReceived = Take,
                KeyFrameRequested = () => Interlocked.Exchange(ref _keyFrameAsked, 1),
            }, time, cancel, reach, patience, Heard, Loses).ConfigureAwait(false);
        }
        catch (WhipException refused)
        {
            throw new TargetException($"{Description}: {refused.Message}", refused);
        }
        _encoder = new VideoEncoder(_client.Peer.SendCodec ?? throw new TargetException($"{Description} takes no video."),
            _client.Peer.TargetBitrate);
        _ = _client.Peer.Closed.ContinueWith(closed =>
        {
            EndedBecause ??= closed.Result;
            _coded.Writer.TryComplete();
        }, TaskScheduler.Default);
        if (isTrueLive && _client.Resource is { } resource)
            _session = new Uri(Root, "v1/sessions/" + resource.Segments[^2].TrimEnd('/'));
    }

    /// <inheritdoc/>
    public bool TakesRate(int rate) => rate is > 0 and <= 60;

    /// <summary>Loses packets in the probe's own WebRTC client; over TCP, where a real line would only delay them, it cannot.</summary>
    public bool Impair(LineState line)
    {
        _line = line;
        return _client?.Peer.Path is { IsTcp: false };
    }

    /// <inheritdoc/>
    public ValueTask<bool> SendAsync(VideoFrame frame, CancellationToken cancel)
    {
        var peer = _client!.Peer;
        if (peer.State == PeerState.Closed)
            throw new TargetException(EndedBecause ?? "the connection was closed");
        // On a congested path the frame is dropped, as a browser would do.
        if (!peer.CanSendVideo)
            return ValueTask.FromResult(true);
        _encoder!.SetBitrate(peer.TargetBitrate);
        if (_encoder.TryEncode(frame, Interlocked.Exchange(ref _keyFrameAsked, 0) == 1, frame.Ticket.MediaTime, out var encoded))
            peer.SendVideo(encoded);
        return ValueTask.FromResult(true);
    }

    /// <inheritdoc/>
    public async ValueTask<(VideoFrame Frame, long Presented)?> ReceiveAsync(CancellationToken cancel)
    {
        while (await _coded.Reader.WaitToReadAsync(cancel).ConfigureAwait(false))
        {
            if (!_coded.Reader.TryRead(out var coded))
                continue;
            if (inserted - time.GetElapsedTime(coded.Arrived) is var wait && wait > TimeSpan.Zero)
                await Task.Delay(wait, time, cancel).ConfigureAwait(false);
            var picture = _decoder.Decode(coded.Frame, _pool);
            ArrayPool<byte>.Shared.Return(coded.Buffer);
            if (picture is not null)
                return (picture, time.GetTimestamp());
            if (_decoder.NeedsKeyFrame)
                _client?.Peer.RequestKeyFrame();
        }
        return null;
    }

    /// <inheritdoc/>
    public async Task PromptAsync(string prompt, CancellationToken cancel)
    {
        using var content = new StringContent(JsonSerializer.Serialize(new { prompt }), Encoding.UTF8, "application/json");
        try
        {
            using var answer = await _client!.SendAsync(HttpMethod.Patch, _session!, content, cancel).ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode)
                throw new TargetException($"The server refused the prompt: {(int)answer.StatusCode} {answer.ReasonPhrase}");
        }
        catch (HttpRequestException e)
        {
            throw new TargetException($"The prompt could not be sent: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new TargetException($"The server did not take the prompt in time.", e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
            await _client.DisposeAsync().ConfigureAwait(false);
        _coded.Writer.TryComplete();
        while (_coded.Reader.TryRead(out var left))
            ArrayPool<byte>.Shared.Return(left.Buffer);
        _encoder?.Dispose();
        _decoder.Dispose();
    }

    // The server may be below a path of a proxy; the address of its WHIP endpoint is accepted as well.
    private Uri Root
    {
        get
        {
            var path = endpoint.AbsolutePath.TrimEnd('/');
            return new Uri(endpoint, (path.EndsWith("/whip", StringComparison.Ordinal) ? path[..^"/whip".Length] : path) + "/");
        }
    }

    private bool Loses(bool leaves) => _line is var line && ((leaves && line.UplinkCut) || Random.Shared.NextDouble() < line.Loss);

    private void Take(in EncodedFrame frame)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(frame.Data.Length);
        frame.Data.CopyTo(buffer);
        if (_coded.Writer.TryWrite(new Coded(buffer, frame.Data.Length, frame.Codec, frame.RtpTime, frame.KeyFrame, frame.Colour,
            time.GetTimestamp())))
            return;
        ArrayPool<byte>.Shared.Return(buffer);
        _client?.Peer.RequestKeyFrame();
    }

    private readonly record struct Coded(
        byte[] Buffer, int Length, VideoCodec Codec, uint RtpTime, bool KeyFrame, ColourSpace? Colour, long Arrived)
    {
        public EncodedFrame Frame =>
            new() { Codec = Codec, Data = Buffer.AsSpan(0, Length), RtpTime = RtpTime, KeyFrame = KeyFrame, Colour = Colour };
    }
}
