using System.Buffers;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;
using TrueLive.Media.Codecs;
using TrueLive.Server.Live.Broadcast;
using TrueLive.WebRtc;

namespace TrueLive.Server.Live.Transports;

/// <summary>
/// (1) (2) The video that one peer sends: coded frames are taken off the network thread at once and decoded for the reader. Holds coded
/// frames for at most <see cref="MaxWait"/>: when the reader lags further, all of them are dropped, and it resumes at the next key frame.
/// </summary>
internal sealed class PeerVideo(RtcPeer peer, Func<ILiveDecoder> makeDecoder, TimeProvider time) : IVideoSource, IDisposable
{
    /// <summary>Longest time that a coded frame waits for the decoder.</summary>
    public static readonly TimeSpan MaxWait = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(4);

    private readonly Channel<Coded> _queue = Channel.CreateUnbounded<Coded>(new UnboundedChannelOptions { SingleWriter = true });
    private readonly FramePool _pool = new("WebRTC pictures");
    private readonly MediaClock _clock = new(time);
    private ILiveDecoder? _decoder;
    private string? _trouble;
    private TimeSpan _retry;
    private long _asked;
    private bool _needsKey;

    /// <summary>
    /// Called by the reader with the reason, once, when the stream cannot be shown, and with null when it can be shown again.
    /// </summary>
    public Action<string?>? TroubleChanged { get; set; }

    /// <summary>Takes a coded frame; called on the network thread.</summary>
    public void Take(in EncodedFrame frame)
    {
        if (_queue.Reader.TryPeek(out var oldest) && time.GetElapsedTime(oldest.Ticket.Arrived, frame.Ticket.Arrived) > MaxWait)
        {
            _needsKey = true;
            while (_queue.Reader.TryRead(out var late))
            {
                SessionMetrics.InputDropped(InputDrop.Overdue);
                ArrayPool<byte>.Shared.Return(late.Buffer);
            }
        }
        if (_needsKey && !frame.KeyFrame)
        {
            SessionMetrics.InputDropped(InputDrop.Overdue);
            peer.RequestKeyFrame();
            return;
        }
        _needsKey = false;
        var buffer = ArrayPool<byte>.Shared.Rent(frame.Data.Length);
        frame.Data.CopyTo(buffer);
        var coded = new Coded(buffer, frame.Data.Length, frame.Codec, frame.RtpTime, frame.KeyFrame, frame.AfterGap, frame.Colour,
            frame.Ticket);
        if (!_queue.Writer.TryWrite(coded))
            ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>
    /// The peer has gone: the reader gets the end of the stream, or an <see cref="IOException"/> with the reason if one is known.
    /// </summary>
    public void End(string? reason = null) => _queue.Writer.TryComplete(reason is null ? null : new IOException(reason));

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
    {
        // Only for a connection that has opened: the decoder may be a process.
        var decoder = _decoder ??= makeDecoder();
        while (await _queue.Reader.WaitToReadAsync(cancel).ConfigureAwait(false))
        {
            if (!_queue.Reader.TryRead(out var coded))
                continue;
            var dropped = decoder.Dropped;
            var picture = await decoder.DecodeAsync(coded.Frame, _pool, cancel).ConfigureAwait(false);
            ArrayPool<byte>.Shared.Return(coded.Buffer);
            if (decoder.Trouble != _trouble)
                TroubleChanged?.Invoke(_trouble = decoder.Trouble);
            if (picture is null)
            {
                SessionMetrics.InputDropped(InputDrop.Undecodable, decoder.Dropped - dropped);
                if (decoder is { NeedsKeyFrame: true, Hopeless: false })
                    AskForKeyFrame();
                continue;
            }
            _retry = TimeSpan.Zero;
            // A stream with reordered frames yields the picture of an earlier access unit, with that unit's timestamp.
            picture.Ticket = _clock.Next(picture.Ticket.MediaTime, coded.Ticket.Arrived);
            return picture;
        }
        return null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        End();
        while (_queue.Reader.TryRead(out var left))
            ArrayPool<byte>.Shared.Return(left.Buffer);
        _decoder?.Dispose();
    }

    // If one key frame does not help, further ones may not either.
    private void AskForKeyFrame()
    {
        if (_retry > TimeSpan.Zero && time.GetElapsedTime(_asked) < _retry)
            return;
        (_asked, _retry) = (time.GetTimestamp(), _retry == TimeSpan.Zero ? FirstRetry : _retry < LastRetry ? 2 * _retry : LastRetry);
        peer.RequestKeyFrame();
    }

    private readonly record struct Coded(
        byte[] Buffer, int Length, VideoCodec Codec, uint RtpTime, bool KeyFrame, bool AfterGap, ColourSpace? Colour, FrameTicket Ticket)
    {
        public EncodedFrame Frame =>
            new()
            {
                Codec = Codec,
                Data = Buffer.AsSpan(0, Length),
                RtpTime = RtpTime,
                KeyFrame = KeyFrame,
                AfterGap = AfterGap,
                Colour = Colour,
                Ticket = Ticket,
            };
    }
}
