using System.Buffers;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.Probe.Stimuli;
using TrueLive.WebRtc;
using Queues = System.Threading.Channels;

namespace TrueLive.Probe.Simulation;

/// <summary>One session of a <see cref="WhipSimulator"/>: decodes what comes, and sends what the behaviour shows.</summary>
internal sealed class SimulatedSession : IDisposable
{
    private readonly Queues.Channel<(byte[] Buffer, int Length, VideoCodec Codec, uint RtpTime, bool Key)> _coded =
        Queues.Channel.CreateBounded<(byte[], int, VideoCodec, uint, bool)>(new Queues.BoundedChannelOptions(120)
        { FullMode = Queues.BoundedChannelFullMode.DropOldest });
    private readonly CancellationTokenSource _stop = new();
    private readonly LiveBehaviour _behaviour;
    private readonly TimeProvider _time;
    private readonly long _zero;
    private readonly RtcPeer _peer;
    private int _keyFrameAsked;

    public SimulatedSession(LiveBehaviour behaviour, RtcPeer peer, TimeProvider time, long zero)
    {
        (_behaviour, _peer, _time, _zero) = (behaviour, peer, time, zero);
        peer.Start(new PeerHandlers
        {
            VideoReceived = Take,
            KeyFrameRequested = () => Interlocked.Exchange(ref _keyFrameAsked, 1),
        });
        _ = Task.Run(DecodeAsync);
        _ = Task.Run(PlayAsync);
    }

    /// <summary>What it has received.</summary>
    public ReceivedVideo Video { get; } = new();

    /// <summary>Whether it is over.</summary>
    public bool IsOver => _peer.Closed.IsCompleted;

    public void AddPrompt(string text) => Video.AddPrompt(Now, text);

    public void Dispose()
    {
        _stop.Cancel();
        _peer.Close("The simulator ended the session.");
    }

    private double Now => _time.GetElapsedTime(_zero).TotalSeconds;

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
                    _peer.RequestKeyFrame();
                else
                    Video.Add(Now, LivePictures.Read(frame));
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task PlayAsync()
    {
        var pictures = new LivePictures();
        var pool = new FramePool("simulator out", 4);
        VideoEncoder? encoder = null;
        try
        {
            await _peer.Opened.WaitAsync(_stop.Token).ConfigureAwait(false);
            encoder = new VideoEncoder(_peer.SendCodec!.Value, _peer.TargetBitrate);
            for (var n = (int)(Now * CodeLaw.Rate) + 1; !IsOver; n++)
            {
                var wait = TimeSpan.FromSeconds(n / (double)CodeLaw.Rate - Now);
                if (wait > TimeSpan.Zero)
                    await Task.Delay(wait, _time, _stop.Token).ConfigureAwait(false);
                using var frame = _behaviour.Next(Video, n) is { } shown ? pictures.Draw(shown, pool) : null;
                if (frame is not null)
                    Send(encoder, frame, (uint)(n * 3000L));
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

    private void Send(VideoEncoder encoder, VideoFrame frame, uint timestamp)
    {
        encoder.SetBitrate(_peer.TargetBitrate);
        if (_peer.CanSendVideo && encoder.TryEncode(frame, Interlocked.Exchange(ref _keyFrameAsked, 0) == 1, timestamp, out var encoded))
            _peer.SendVideo(encoded);
    }
}
