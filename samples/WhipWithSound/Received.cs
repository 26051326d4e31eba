using System.Threading.Channels;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Rtp;

namespace TrueLive.Samples.WhipWithSound;

/// <summary>Receives what comes back. Pictures are copied on the network thread and decoded by a separate reader.</summary>
internal sealed class Received : IDisposable
{
    // A second of video. A frame for which there is no room is lost, and the decoder requests a key frame.
    private readonly Channel<(byte[] Data, VideoCodec Codec, uint RtpTime, bool KeyFrame)> _coded =
        Channel.CreateBounded<(byte[], VideoCodec, uint, bool)>(new BoundedChannelOptions(30));
    private readonly VideoDecoder _decoder = new();
    private readonly FramePool _pool = new("pictures that came back");
    private long _soundPackets;

    public long Pictures { get; private set; }

    public string Size { get; private set; } = "none yet";

    public long SoundPackets => Interlocked.Read(ref _soundPackets);

    public void Video(in EncodedFrame frame) => _coded.Writer.TryWrite((frame.Data.ToArray(), frame.Codec, frame.RtpTime, frame.KeyFrame));

    // A real program would hand the Opus packets to a player or a file.
    public void Sound(in OpusPacket packet) => Interlocked.Increment(ref _soundPackets);

    public async Task DecodeAsync(RtcPeer peer, CancellationToken cancel)
    {
        try
        {
            await foreach (var (data, codec, rtpTime, keyFrame) in _coded.Reader.ReadAllAsync(cancel))
            {
                using var picture = _decoder.Decode(new EncodedFrame { Codec = codec, Data = data, RtpTime = rtpTime, KeyFrame = keyFrame },
                    _pool);
                if (picture is not null)
                    (Pictures, Size) = (Pictures + 1, $"{picture.Width}x{picture.Height}");
                else if (_decoder.NeedsKeyFrame)
                    peer.RequestKeyFrame();
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    public void Dispose() => _decoder.Dispose();
}
