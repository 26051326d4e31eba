using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.Probe.Stimuli;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Sdp;
using Queues = System.Threading.Channels;

namespace TrueLive.Probe.Simulation;

/// <summary>
/// A real WHIP server on this machine with a given misbehaviour, so that codec, pacing and congestion control are in the loop. Takes one
/// session and prompts as a TrueLive server does.
/// </summary>
public sealed class WhipSimulator : IDisposable
{
    private const int MaxBody = 128 * 1024;
    private readonly HttpListener _listener = new();
    private readonly RtcEndpoint _endpoint;
    private readonly TimeProvider _time;
    private readonly LiveBehaviour _behaviour;
    private readonly ReceivedVideo _video = new();
    private readonly Queues.Channel<(byte[] Buffer, int Length, VideoCodec Codec, uint RtpTime, bool Key)> _coded =
        Queues.Channel.CreateBounded<(byte[], int, VideoCodec, uint, bool)>(new Queues.BoundedChannelOptions(120)
        { FullMode = Queues.BoundedChannelFullMode.DropOldest });
    private readonly CancellationTokenSource _stop = new();
    private readonly long _zero;
    private RtcPeer? _peer;
    private int _keyFrameAsked;
    private int _ended;

    /// <summary>Starts the server.</summary>
    /// <param name="behaviour">What it does.</param>
    /// <param name="time">Clock.</param>
    /// <param name="port">Port; 0 takes a free one.</param>
    public WhipSimulator(LiveBehaviour behaviour, TimeProvider time, int port = 0)
    {
        (_behaviour, _time, _zero) = (behaviour, time, time.GetTimestamp());
        _endpoint = new RtcEndpoint(new RtcEndpointOptions { Address = IPAddress.Any, Announced = [IPAddress.Loopback] }, time);
        if (port == 0)
        {
            using var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            port = ((IPEndPoint)free.LocalEndPoint!).Port;
        }
        Address = new Uri($"http://127.0.0.1:{port}/");
        _listener.Prefixes.Add(Address.ToString());
        _listener.Start();
        _ = ServeAsync();
    }

    /// <summary>Where it listens.</summary>
    public Uri Address { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 1)
            return;
        _stop.Cancel();
        _listener.Close();
        _peer?.Close("The simulator ended.");
        _endpoint.Dispose();
        _stop.Dispose();
    }

    private double Now => _time.GetElapsedTime(_zero).TotalSeconds;

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var context = await _listener.GetContextAsync().ConfigureAwait(false);
                try
                {
                    await AnswerAsync(context.Request, context.Response).ConfigureAwait(false);
                    context.Response.Close();
                }
                catch (Exception e) when (e is IOException or HttpListenerException or SdpException or JsonException)
                {
                    context.Response.Abort();
                }
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or HttpListenerException or InvalidOperationException)
        {
        }
    }

    private async Task AnswerAsync(HttpListenerRequest request, HttpListenerResponse response)
    {
        var buffer = new byte[MaxBody];
        var body = Encoding.UTF8.GetString(buffer, 0,
            await request.InputStream.ReadAtLeastAsync(buffer, MaxBody, false).ConfigureAwait(false));
        var path = request.Url!.AbsolutePath;
        if (request.HttpMethod == "POST" && path == "/whip" && _peer is null)
        {
            var peer = _peer = _endpoint.Answer(body, new MediaPreferences { Audio = false, DataChannels = false }).Start(new PeerHandlers
            {
                VideoReceived = Take,
                KeyFrameRequested = () => Interlocked.Exchange(ref _keyFrameAsked, 1),
            });
            _ = Task.Run(DecodeAsync);
            _ = Task.Run(() => PlayAsync(peer));
            (response.StatusCode, response.ContentType) = (201, "application/sdp");
            response.Headers["Location"] = "/whip/1/1";
            await response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(peer.LocalDescription)).ConfigureAwait(false);
        }
        else if (request.HttpMethod == "PATCH" && path == "/v1/sessions/1")
        {
            using var message = JsonDocument.Parse(body);
            _video.AddPrompt(Now, message.RootElement.GetProperty("prompt").GetString() ?? "");
            response.StatusCode = 202;
        }
        else if (request.HttpMethod == "DELETE")
        {
            _peer?.Close("The client left.");
        }
        else
        {
            response.StatusCode = 404;
        }
    }

    private void Take(in EncodedFrame frame)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(frame.Data.Length);
        frame.Data.CopyTo(buffer);
        _coded.Writer.TryWrite((buffer, frame.Data.Length, frame.Codec, frame.RtpTime, frame.KeyFrame));
    }

    private async Task DecodeAsync()
    {
        using var decoder = new VideoDecoder();
        var pool = new FramePool("simulator in", 8);
        try
        {
            await foreach (var coded in _coded.Reader.ReadAllAsync(_stop.Token).ConfigureAwait(false))
            {
                using var frame = decoder.Decode(new EncodedFrame
                {
                    Codec = coded.Codec,
                    Data = coded.Buffer.AsSpan(0, coded.Length),
                    RtpTime = coded.RtpTime,
                    KeyFrame = coded.Key
                }, pool);
                ArrayPool<byte>.Shared.Return(coded.Buffer);
                if (frame is null)
                {
                    _peer?.RequestKeyFrame();
                    continue;
                }
                var picture = Picture.ForAnalysis();
                PictureFrames.Read(frame, picture);
                // Frames are limited range; looks expect 0..255, as in virtual time.
                for (var k = 0; k < picture.Y.Length; k++)
                    picture.Y[k] = Math.Clamp((picture.Y[k] - 16) * (255f / 219), 0, 255);
                _video.Add(Now, picture);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task PlayAsync(RtcPeer peer)
    {
        var seed = ProbeSeed.From("simulator footage");
        var look = Look.ByName["relief"](seed.Stream("look"));
        var footage = new StimulusPlan(seed);
        footage.Append(PhaseKind.Warmup, 600);
        var renderer = new StimulusRenderer(seed, Picture.AnalysisWidth, Picture.AnalysisHeight, 1);
        var picture = Picture.ForAnalysis();
        var pool = new FramePool("simulator out", 4);
        VideoEncoder? encoder = null;
        try
        {
            await peer.Opened.WaitAsync(_stop.Token).ConfigureAwait(false);
            encoder = new VideoEncoder(peer.SendCodec!.Value, peer.TargetBitrate);
            for (var n = (int)(Now * CodeLaw.Rate) + 1; ; n++)
            {
                var wait = TimeSpan.FromSeconds(n / (double)CodeLaw.Rate - Now);
                if (wait > TimeSpan.Zero)
                    await Task.Delay(wait, _time, _stop.Token).ConfigureAwait(false);
                if (_behaviour.Next(_video, n) is not { } shown || !Draw(shown, renderer, footage, look, picture))
                    continue;
                using var frame = pool.Rent(Picture.AnalysisWidth, Picture.AnalysisHeight);
                PictureFrames.Write(picture, frame);
                Send(peer, encoder, frame, (uint)(n * 3000L));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
        }
        finally
        {
            encoder?.Dispose();
        }
    }

    private void Send(RtcPeer peer, VideoEncoder encoder, VideoFrame frame, uint timestamp)
    {
        encoder.SetBitrate(peer.TargetBitrate);
        if (peer.CanSendVideo && encoder.TryEncode(frame, Interlocked.Exchange(ref _keyFrameAsked, 0) == 1, timestamp, out var encoded))
            peer.SendVideo(encoded);
    }

    private static bool Draw(in LiveShown shown, StimulusRenderer renderer, StimulusPlan footage, Look look, Picture picture)
    {
        if (shown.Picture is { } received)
            picture.CopyFrom(received);
        else if (shown.Canned > 0)
            renderer.Draw(footage.Frames[shown.Canned % footage.Frames.Count], shown.Canned, picture);
        else
            return false;
        if (shown.Plain)
        {
            for (var k = 0; k < picture.Y.Length; k++)
                (picture.Y[k], picture.V[k]) = (20 + 0.8f * picture.Y[k], picture.V[k] + 12);
            return true;
        }
        if (shown.Roll > 0)
        {
            for (var y = 0; y < picture.Height; y++)
                picture.Y.AsSpan(y * picture.Width, picture.Width - shown.Roll).CopyTo(picture.Y.AsSpan(y * picture.Width + shown.Roll));
        }
        look.Apply(picture, shown.Prompt, shown.Reseed);
        return true;
    }
}
