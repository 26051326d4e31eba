using TrueLive.Core.Frames;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>Somebody who gets a session's coded pictures: a WebRTC connection, or a program that passes them on.</summary>
internal abstract class PictureReceiver
{
    private volatile bool _needsKeyFrame = true;
    private bool _broken;

    /// <summary>The client whose link sets the bitrate; else a viewer or an output.</summary>
    public virtual bool IsClient => false;

    /// <summary>When it was added, by <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long Since { get; set; }

    /// <summary>Coding that it takes; null before it is open.</summary>
    public abstract VideoCodec? Codec { get; }

    /// <summary>Whether it can take a picture now.</summary>
    public abstract bool CanTake { get; }

    /// <summary>Bits per second that it wants, or that its link carries.</summary>
    public abstract int Bitrate { get; }

    /// <summary>
    /// Longest time between two key frames; null for a receiver that asks when it needs one. A receiver that has one also goes on getting
    /// the last picture while nothing new comes: whoever it passes pictures to takes silence for an end.
    /// </summary>
    public virtual TimeSpan? KeyInterval => null;

    /// <summary>It can take the picture at hand; only the broadcaster uses it.</summary>
    public bool IsReady { get; set; }

    /// <summary>Whether the receiver can show nothing before a key frame.</summary>
    public bool NeedsKeyFrame => _needsKeyFrame || _broken;

    /// <summary>It asks for a key frame; any thread.</summary>
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

    /// <summary>Passes an Opus packet on.</summary>
    public abstract void SendAudio(ReadOnlySpan<byte> opus, uint rtpTime, long sequence);

    /// <summary>Sends the trace of a picture; left out when too many wait.</summary>
    public abstract void Tell(ReadOnlySpan<byte> trace);

    /// <summary>Takes a picture that builds on those taken before, or is a key frame. The bytes are the caller's.</summary>
    protected abstract bool Take(in EncodedFrame frame);
}
