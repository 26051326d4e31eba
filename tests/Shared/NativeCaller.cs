using System.Collections.Concurrent;
using System.Text.Json;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Whip;

namespace TrueLive.Tests.Shared;

/// <summary>A picture that came back.</summary>
/// <param name="Sent">Place of its input among the frames sent.</param>
/// <param name="SentAt">When its input was taken, before encoding.</param>
/// <param name="SeenAt">When it was decoded.</param>
/// <param name="Number">Number painted in it, 0 to 255; valid only if no model has changed the picture.</param>
internal readonly record struct Returned(long Sent, long SentAt, long SeenAt, int Number);

/// <summary>
/// A client without a browser, on the product's own WebRTC stack: sends a numbered scene at 30 frames per second, decodes what comes back,
/// and finds the input of each picture by the traces on the control channel.
/// </summary>
internal sealed class NativeCaller : IAsyncDisposable
{
    // Large enough that a picture is never mistaken for one of the next round.
    private const int Round = 256;

    private readonly TimeProvider _time;
    private readonly VideoFrame[] _scene;
    private readonly VideoEncoder _encoder;
    private readonly VideoDecoder _decoder = new();
    private readonly FramePool _pool = new("pictures that came back");
    private readonly (uint Stamp, long Sent, long At)[] _sent = new (uint, long, long)[Round];
    private readonly CancellationTokenSource _stop = new();
    private WhipClient? _client;
    private Task _sending = Task.CompletedTask;
    private int _keyWanted = 1;
    private long _offset = -1;
    private long _count;

    private NativeCaller(VideoCodec codec, VideoFrame[] scene, TimeProvider time) =>
        (_encoder, _scene, _time) = (new VideoEncoder(codec, 1_500_000), scene, time);

    /// <summary>Frames sent.</summary>
    public long Sent => Interlocked.Read(ref _count);

    /// <summary>Pictures that came back, in the order of their decoding; the reader takes them out.</summary>
    public ConcurrentQueue<Returned> Pictures { get; } = new();

    /// <summary>The connection.</summary>
    public RtcPeer Peer => _client!.Peer;

    /// <summary>Frames of the scene, which every caller sends in a loop.</summary>
    public static async Task<VideoFrame[]> SceneAsync(int width, int height)
    {
        var scene = new MovingScene(width, height, 30, new FramePool("scene"), numbered: true);
        var frames = new VideoFrame[Round];
        for (var i = 0; i < Round; i++)
            frames[i] = (await scene.ReadAsync(CancellationToken.None))!;
        return frames;
    }

    /// <summary>Connects and begins to send.</summary>
    public static async Task<NativeCaller> StartAsync(
        Uri whip, VideoCodec codec, VideoFrame[] scene, TimeProvider time, CancellationToken cancel, string? key = null)
    {
        var caller = new NativeCaller(codec, scene, time);
        var handlers = new PeerHandlers
        {
            VideoReceived = caller.Take,
            KeyFrameRequested = () => Interlocked.Exchange(ref caller._keyWanted, 1),
        };
        caller._client = await WhipClient.ConnectAsync(whip, key, new MediaPreferences { Codecs = [codec], Audio = false }, handlers,
            time, cancel, patience: TimeSpan.FromMinutes(5));
        caller.Peer.OpenChannel("control", (_, utf8, _) => caller.Heard(utf8));
        caller._sending = caller.SendAsync();
        return caller;
    }

    /// <summary>Stops sending and ends the session.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _sending;
        if (_client is not null)
            await _client.DisposeAsync();
        _encoder.Dispose();
        _decoder.Dispose();
        _stop.Dispose();
    }

    private async Task SendAsync()
    {
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1 / 30.0), _time);
        try
        {
            while (await pace.WaitForNextTickAsync(_stop.Token))
                SendOne();
        }
        catch (OperationCanceledException)
        {
            // The caller is being disposed.
        }
    }

    private void SendOne()
    {
        if (!Peer.CanSendVideo)
            return;
        var (n, at) = (_count, _time.GetTimestamp());
        var stamp = (uint)(ulong)((Int128)at * 90_000 / _time.TimestampFrequency);
        lock (_sent)
            _sent[n % Round] = (stamp, n, at);
        if (Math.Abs(Peer.TargetBitrate - _encoder.Bitrate) > _encoder.Bitrate / 20)
            _encoder.SetBitrate(Peer.TargetBitrate);
        if (!_encoder.TryEncode(_scene[n % Round], Interlocked.Exchange(ref _keyWanted, 0) == 1, stamp, out var coded)
            || !Peer.SendVideo(coded))
            Interlocked.Exchange(ref _keyWanted, 1);
        Interlocked.Increment(ref _count);
    }

    private void Take(in EncodedFrame frame)
    {
        using var picture = _decoder.Decode(frame, _pool);
        if (picture is null)
        {
            if (_decoder.NeedsKeyFrame)
                _client?.Peer.RequestKeyFrame();
            return;
        }
        var offset = Interlocked.Read(ref _offset);
        if (offset < 0)
            return;
        var stamp = frame.RtpTime - (uint)offset;
        lock (_sent)
        {
            // Both clocks may be rounded on the way, and late frames are sent close together, so the nearest stamp is taken.
            var sent = _sent.Where(s => s.At != 0).MinBy(s => Math.Abs((int)(s.Stamp - stamp)));
            if (sent.At != 0 && Math.Abs((int)(sent.Stamp - stamp)) < 900)
                Pictures.Enqueue(new Returned(sent.Sent, sent.At, _time.GetTimestamp(), MovingScene.ReadNumber(picture) % Round));
        }
    }

    // Input and output stamps differ by a constant until the session restarts.
    private void Heard(ReadOnlySpan<byte> utf8)
    {
        var message = JsonDocument.Parse(utf8.ToArray()).RootElement;
        if (message.GetProperty("type").GetString() == "frame")
            Interlocked.Exchange(ref _offset,
                unchecked(message.GetProperty("output_media_time").GetUInt32() - message.GetProperty("media_time").GetUInt32()));
    }
}
