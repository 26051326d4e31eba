using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;
using TrueLive.Media.Codecs;
using TrueLive.Server.Control;
using TrueLive.WebRtc.Rtp;

namespace TrueLive.Server.Transports;

/// <summary>
/// (5) (6) Codes the session's pictures once for each coding in use and sends them to its client and its viewers. The client's link
/// sets the bitrate; a viewer with a slower one loses frames and goes on at a key frame, which viewers together may ask for once a
/// second. Nothing is queued here: a picture that no link can take is let go before it is coded.
/// </summary>
internal sealed class VideoFan(TimeProvider time, int maxBitrate) : IVideoSink, IDisposable
{
    private static readonly VideoCodec[] Codecs = [VideoCodec.H264, VideoCodec.Vp8];
    private static readonly TimeSpan ViewerKeyInterval = TimeSpan.FromSeconds(1);

    // More than the pacer holds.
    private const int Remembered = 64;
    private const int Jump = 2 * 90_000;

    // The clock of a camera or sound card may be wrong by some hundred parts in a million: stamps follow ours slowly, within this time.
    private const int Slack = 90_000 / 10;
    private const int CorrectionPace = 1000;

    private readonly Lock _change = new();
    private readonly VideoEncoder?[] _encoders = new VideoEncoder?[Codecs.Length];
    // Stamp and step of the last pictures: 32 bits of stamp, 32 of microseconds. Written by the step thread, read by the network's.
    private readonly long[] _steps = new long[Remembered];
    private readonly ProvenanceJson _trace = new(time);
    private readonly SoundLine _sound = new(time);
    private volatile PictureReceiver[] _receivers = [];
    private long _viewerKeyAt;
    private uint _lastStamp;
    private uint _lastCaptured;
    private uint _offset;
    private int _uncorrected;

    /// <summary>Connections that get the pictures.</summary>
    public int Count => _receivers.Length;

    /// <summary>Pictures that were coded.</summary>
    public long Coded { get; private set; }

    public void Add(PictureReceiver receiver)
    {
        lock (_change)
            _receivers = [.. _receivers, receiver];
    }

    public void Remove(PictureReceiver receiver)
    {
        lock (_change)
            _receivers = [.. _receivers.Where(r => r != receiver)];
    }

    /// <summary>Passes the client's sound on, untouched but for its numbers and times, which go on over a change of the source.</summary>
    public void SendAudio(object source, in OpusPacket packet)
    {
        (long Sequence, uint RtpTime) place;
        lock (_sound)
            place = _sound.Next(source, packet);
        foreach (var receiver in _receivers)
            receiver.Peer.SendAudio(packet.Data, place.RtpTime, place.Sequence);
    }

    /// <inheritdoc/>
    public ValueTask<bool> WriteAsync(VideoFrame frame, Provenance provenance, CancellationToken cancel) => ValueTask.FromResult(Write(frame, provenance));

    /// <summary>Codes and sends one picture. False when nobody could take it.</summary>
    public bool Write(VideoFrame frame, in Provenance provenance)
    {
        var receivers = _receivers;
        var stamp = StampOf(frame);
        Volatile.Write(ref _steps[Coded % Remembered], (long)stamp << 32 | (uint)time.GetElapsedTime(provenance.StepBegan, provenance.StepEnded).TotalMicroseconds);
        var sent = false;
        for (var i = 0; i < Codecs.Length; i++)
            sent |= Send(frame, stamp, receivers, Codecs[i], ref _encoders[i]);
        if (sent)
        {
            var trace = _trace.Write(provenance, stamp, time.GetTimestamp());
            foreach (var receiver in receivers)
                receiver.Tell(trace.Span);
        }
        return sent;
    }

    /// <summary>The model step of a picture that was sent not long ago; null of any other.</summary>
    public TimeSpan? StepOf(uint stamp)
    {
        for (var i = 0; i < Remembered; i++)
        {
            var known = Volatile.Read(ref _steps[i]);
            if ((uint)(known >> 32) == stamp)
                return TimeSpan.FromMicroseconds((uint)known);
        }
        return null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var encoder in _encoders)
            encoder?.Dispose();
        _trace.Dispose();
    }

    private bool Send(VideoFrame frame, uint stamp, PictureReceiver[] receivers, VideoCodec codec, ref VideoEncoder? encoder)
    {
        var (client, viewers, key) = (0, int.MaxValue, false);
        foreach (var receiver in receivers)
        {
            receiver.IsReady = receiver.Codec == codec && receiver.Peer.CanSendVideo;
            if (!receiver.IsReady)
                continue;
            key |= receiver.NeedsKeyFrame && (receiver.IsClient || MayViewersAskNow());
            if (receiver.IsClient)
                client = receiver.Peer.TargetBitrate;
            else
                viewers = Math.Min(viewers, receiver.Peer.TargetBitrate);
        }
        // Without a client that gets pictures (OBS sends and looks elsewhere) the slowest viewer counts.
        var bitrate = client > 0 ? client : viewers;
        if (bitrate == int.MaxValue)
            return false;
        bitrate = Math.Min(bitrate, maxBitrate);
        encoder ??= new VideoEncoder(codec, bitrate);
        // Small changes are not worth the encoder's settling.
        if (Math.Abs(bitrate - encoder.Bitrate) > encoder.Bitrate / 20)
            encoder.SetBitrate(bitrate);
        if (!encoder.TryEncode(frame, key, stamp, out var coded))
            return false;
        Coded++;
        // Sound passes at once, the picture after its step: the reports that bind the two must speak of when the input came.
        coded = coded with { Arrived = frame.Time.Arrived };
        var sent = false;
        foreach (var receiver in receivers)
        {
            if (receiver.Codec == codec)
                sent |= receiver.Send(coded);
        }
        return sent;
    }

    private bool MayViewersAskNow()
    {
        if (time.GetElapsedTime(_viewerKeyAt) < ViewerKeyInterval)
            return false;
        _viewerKeyAt = time.GetTimestamp();
        return true;
    }

    /// <summary>
    /// 90 kHz stamp of the next picture. Stamps follow the capture times of the input, so that they are as even as its frames, and our clock
    /// in the long run; a new input begins where the clock is. They rise by one at least, and wrap.
    /// </summary>
    internal uint StampOf(VideoFrame frame)
    {
        var captured = (uint)(ulong)(frame.Time.Captured.Ticks * 9 / 1000);
        var now = (uint)(ulong)((Int128)time.GetTimestamp() * 90_000 / time.TimestampFrequency);
        var behind = (int)(now - (captured + _offset));
        var step = (int)(captured - _lastCaptured);
        // No input goes back by itself: that is another one.
        if (step < 0 || behind is > Jump or < -Jump)
            _offset = now - captured;
        else if (Math.Abs(behind) > Slack)
            Correct(Math.Sign(behind), step);
        _lastCaptured = captured;
        var stamp = captured + _offset;
        // Half of all stamps lie before any other: only what is a little behind must not be.
        if (_lastStamp - stamp < Jump)
            stamp = _lastStamp + 1;
        return _lastStamp = stamp;
    }

    private void Correct(int sign, int step)
    {
        _uncorrected += Math.Min(step, Jump);
        _offset += (uint)(sign * (_uncorrected / CorrectionPace));
        _uncorrected %= CorrectionPace;
    }
}
