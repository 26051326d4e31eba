using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sctp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Whip;

namespace TrueLive.Server.Tests.Http;

/// <summary>
/// A client on the product's own WebRTC stack: sends the numbered scene, reads the number from every picture that comes back, and keeps
/// messages.
/// </summary>
internal sealed class NativeClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly FramePool _pool = new("native client");
    private readonly ConcurrentQueue<(byte[] Data, VideoCodec Codec, bool Key, uint RtpTime)> _coded = new();
    private readonly VideoDecoder _decoder = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly bool _receives;
    private volatile bool _key = true;
    private Task _sending = Task.CompletedTask;

    private NativeClient(bool receives) => _receives = receives;

    public WhipClient Whip { get; private set; } = null!;

    /// <summary>Numbers painted into the pictures that came back, in order.</summary>
    public List<int> Numbers { get; } = [];

    /// <summary>Pictures that came back and that nobody has read the number of yet.</summary>
    public IReadOnlyCollection<(byte[] Data, VideoCodec Codec, bool Key, uint RtpTime)> Coded => _coded;

    /// <summary>Opus packets that came back.</summary>
    public ConcurrentQueue<byte[]> Sound { get; } = new();

    /// <summary>Their numbers, in which those are missing that a network lost.</summary>
    public ConcurrentQueue<long> SoundNumbers { get; } = new();

    /// <summary>Their stamps.</summary>
    public ConcurrentQueue<uint> SoundStamps { get; } = new();

    /// <summary>RTP stamps of the pictures sent, and when.</summary>
    public ConcurrentQueue<(uint Stamp, long At)> Stamps { get; } = new();

    public ConcurrentQueue<JsonNode> Messages { get; } = new();

    public DataChannel? Channel { get; private set; }

    public static async Task<NativeClient> ConnectAsync(
        Uri url, VideoCodec codec = VideoCodec.H264, bool sends = true, bool receives = true, string? key = null)
    {
        var client = new NativeClient(receives);
        client.Whip = await WhipClient.ConnectAsync(
            url, key, new MediaPreferences { Codecs = [codec], SendVideo = sends, ReceiveVideo = receives }, new PeerHandlers
            {
                VideoReceived = (in EncodedFrame f) => client._coded.Enqueue((f.Data.ToArray(), f.Codec, f.KeyFrame, f.RtpTime)),
                AudioReceived = (in OpusPacket opus) =>
                {
                    client.SoundNumbers.Enqueue(opus.Sequence);
                    client.SoundStamps.Enqueue(opus.RtpTime);
                    client.Sound.Enqueue(opus.Data.ToArray());
                },
                KeyFrameRequested = () => client._key = true,
            }, TimeProvider.System, TestContext.Current.CancellationToken, patience: Patience);
        if (sends)
            client._sending = Task.Run(() => client.SendAsync(codec));
        return client;
    }

    /// <summary>Address for watching the session that this client sends into.</summary>
    public Uri WhepOf(RunningServer server) => new(server.Address, $"/whep/{Whip.Resource!.Segments[2]}".TrimEnd('/'));

    public async Task OpenControlAsync()
    {
        Channel = Whip.Peer.OpenChannel("control", (_, data, _) => Messages.Enqueue(JsonNode.Parse(Encoding.UTF8.GetString(data))!));
        await UntilAsync(() => Channel.IsOpen);
    }

    /// <summary>Waits until this many more pictures have come back and been decoded.</summary>
    public async Task PicturesAsync(int count)
    {
        var wanted = Numbers.Count + count;
        await UntilAsync(() =>
        {
            while (_coded.TryDequeue(out var f))
            {
                using var picture = _decoder.Decode(new EncodedFrame
                { Codec = f.Codec, Data = f.Data, KeyFrame = f.Key, RtpTime = f.RtpTime }, _pool);
                if (picture is null)
                    Whip.Peer.RequestKeyFrame();
                else
                    Numbers.Add(MovingScene.ReadNumber(picture));
            }
            return Numbers.Count >= wanted;
        });
    }

    public async Task<JsonNode> MessageAsync(Func<JsonNode, bool> wanted)
    {
        JsonNode? found = null;
        await UntilAsync(() => (found = Messages.FirstOrDefault(wanted)) is not null);
        return found!;
    }

    public static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Patience);
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, limit.Token);
    }

    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Patience);
        while (!await condition())
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, limit.Token);
    }

    /// <summary>Stays connected but sends no more pictures, like a shared screen on which nothing moves.</summary>
    public async Task FreezeAsync()
    {
        await _stop.CancelAsync();
        await _sending;
    }

    /// <summary>Disconnects without telling the server over HTTP, like a closed laptop.</summary>
    public async Task VanishAsync()
    {
        await FreezeAsync();
        Whip.Peer.Close();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _sending;
        await Whip.DisposeAsync();
        _decoder.Dispose();
        _stop.Dispose();
        if (_receives)
            Assert.Equal(0, _pool.Rented);
    }

    private async Task SendAsync(VideoCodec codec)
    {
        using var encoder = new VideoEncoder(codec, 1_500_000);
        var scene = new MovingScene(320, 192, 30, _pool, numbered: true);
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(33));
        try
        {
            while (await pace.WaitForNextTickAsync(_stop.Token))
            {
                using var frame = (await scene.ReadAsync(_stop.Token))!;
                var key = _key;
                var stamp = (uint)Math.Round(frame.Ticket.Captured.TotalSeconds * 90_000);
                if (!Whip.Peer.CanSendVideo || !encoder.TryEncode(frame, key, stamp, out var coded))
                    continue;
                Stamps.Enqueue((stamp, TimeProvider.System.GetTimestamp()));
                if (Whip.Peer.SendVideo(coded) && key)
                    _key = false;
            }
        }
        catch (OperationCanceledException)
        {
        }
    }
}
