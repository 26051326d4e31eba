using TrueLive.Core.Frames;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>A receiver of a session's coded pictures: a WebRTC connection, or a program that forwards them.</summary>
internal abstract class PictureReceiver
{
    private volatile bool _needsKeyFrame = true;
    private bool _broken;

    /// <summary>Whether it is the client, whose link sets the bitrate; otherwise a viewer or an output.</summary>
    public virtual bool IsClient => false;

    /// <summary>When it was added, by <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long Since { get; set; }

    /// <summary>Codec that it takes; null before it is open.</summary>
    public abstract VideoCodec? Codec { get; }

    /// <summary>Whether it can take a picture now.</summary>
    public abstract bool CanTake { get; }

    /// <summary>Bits per second that it wants, or that its link carries.</summary>
    public abstract int Bitrate { get; }

    /// <summary>
    /// Longest time between two key frames; null for a receiver that asks when it needs one. A receiver that has one also keeps getting the
    /// last picture while nothing new comes, since those to whom it forwards pictures take silence for the end.
    /// </summary>
    public virtual TimeSpan? KeyInterval => null;

    /// <summary>Whether it can take the current picture; used only by the broadcaster.</summary>
    public bool IsReady { get; set; }

    /// <summary>Whether the receiver can show nothing before a key frame.</summary>
    public bool NeedsKeyFrame => _needsKeyFrame || _broken;

    /// <summary>Requests a key frame. Any thread.</summary>
    public void AskForKeyFrame() => _needsKeyFrame = true;

    /// <summary>Sends a coded picture. After one was left out, all are left out until a key frame.</summary>
    public bool Send(in EncodedFrame frame)
    {
        if (frame.KeyFrame && IsReady)
            _needsKeyFrame = _broken = false;
        if (!IsReady || _broken)
        {
            _broken = true;
            return false;
        }
        return Take(frame);
    }

    /// <summary>Forwards an Opus packet.</summary>
    /// <param name="opus">The packet, valid only during the call.</param>
    /// <param name="rtpTime">48 kHz time.</param>
    /// <param name="sequence">Its number.</param>
    /// <param name="arrived">When it arrived, by <see cref="TimeProvider.GetTimestamp"/>: its picture came then.</param>
    public abstract void SendAudio(ReadOnlySpan<byte> opus, uint rtpTime, long sequence, long arrived);

    /// <summary>Sends the trace of a picture; left out when too many wait.</summary>
    public abstract void Tell(ReadOnlySpan<byte> trace);

    /// <summary>
    /// Takes a picture that is a key frame or depends only on those taken before. The bytes are valid only during the call.
    /// </summary>
    protected abstract bool Take(in EncodedFrame frame);
}
