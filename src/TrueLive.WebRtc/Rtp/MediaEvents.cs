using System.Buffers;
using TrueLive.Core.Frames;

namespace TrueLive.WebRtc.Rtp;

/// <summary>What a session tells its owner.</summary>
internal enum MediaEventKind : byte
{
    /// <summary>A whole video frame came.</summary>
    Frame,

    /// <summary>An Opus packet came.</summary>
    Sound,

    /// <summary>The last packet of a frame was sent; not told of frames without a live input.</summary>
    FrameSent,

    /// <summary>
    /// The far side needs a key frame; at most every 300 ms, less often where key frames would take most of the bitrate.
    /// </summary>
    KeyFrameWanted,
}

/// <summary>One event. Its bytes are the taker's: <see cref="Release"/> gives them back.</summary>
internal readonly record struct MediaEvent(MediaEventKind Kind)
{
    private byte[]? Buffer { get; init; }

    private int Length { get; init; }

    private VideoCodec Codec { get; init; }

    private uint RtpTime { get; init; }

    private bool KeyFrame { get; init; }

    private bool AfterGap { get; init; }

    private ColourSpace? Colour { get; init; }

    private long Sequence { get; init; }

    private uint Ssrc { get; init; }

    /// <summary>Of the frame that came or was sent.</summary>
    public FrameTicket Ticket { get; private init; }

    /// <summary>How long after the last packet of its input the frame was sent.</summary>
    public TimeSpan Took { get; private init; }

    /// <summary>The frame that came.</summary>
    public EncodedFrame Frame => new()
    {
        Codec = Codec,
        Data = Buffer.AsSpan(0, Length),
        RtpTime = RtpTime,
        KeyFrame = KeyFrame,
        AfterGap = AfterGap,
        Colour = Colour,
        Ticket = Ticket,
    };

    /// <summary>The packet that came.</summary>
    public OpusPacket Sound => new(Buffer.AsSpan(0, Length), RtpTime, Sequence, Ssrc);

    /// <summary>Nothing can be decoded without it having been taken, and those before it.</summary>
    public bool IsDependent => Kind == MediaEventKind.Frame && !KeyFrame;

    /// <summary>A frame whose bytes are in a buffer of the shared pool.</summary>
    public static MediaEvent Of(in EncodedFrame frame, byte[] buffer) => new(MediaEventKind.Frame)
    {
        Buffer = buffer,
        Length = frame.Data.Length,
        Codec = frame.Codec,
        RtpTime = frame.RtpTime,
        KeyFrame = frame.KeyFrame,
        AfterGap = frame.AfterGap,
        Colour = frame.Colour,
        Ticket = frame.Ticket,
    };

    /// <summary>A packet of sound; the bytes are copied.</summary>
    public static MediaEvent Of(in OpusPacket packet)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(packet.Data.Length);
        packet.Data.CopyTo(buffer);
        return new MediaEvent(MediaEventKind.Sound)
        {
            Buffer = buffer,
            Length = packet.Data.Length,
            RtpTime = packet.RtpTime,
            Sequence = packet.Sequence,
            Ssrc = packet.Ssrc,
        };
    }

    /// <summary>A frame has left.</summary>
    public static MediaEvent Sent(in FrameTicket ticket, TimeSpan took) => new(MediaEventKind.FrameSent) { Ticket = ticket, Took = took };

    /// <summary>Gives the bytes back.</summary>
    public void Release()
    {
        if (Buffer is { Length: > 0 } buffer)
            ArrayPool<byte>.Shared.Return(buffer);
    }
}

/// <summary>
/// Events that wait for their owner, <see cref="Capacity"/> at most: beyond that the newest is dropped and counted, and with a frame all
/// that refer to it.
/// </summary>
internal sealed class MediaEvents
{
    public const int Capacity = 512;

    private readonly Queue<MediaEvent> _queue = new();
    private bool _broken;

    /// <summary>Events that found the queue full, and frames that referred to such.</summary>
    public long Dropped { get; private set; }

    /// <summary>False when it was dropped.</summary>
    public bool Add(in MediaEvent happened)
    {
        var full = _queue.Count >= Capacity;
        if (full || (_broken && happened.IsDependent))
        {
            _broken |= happened.Kind == MediaEventKind.Frame;
            Dropped++;
            happened.Release();
            return false;
        }
        _broken &= happened.Kind != MediaEventKind.Frame;
        _queue.Enqueue(happened);
        return true;
    }

    public bool TryTake(out MediaEvent happened) => _queue.TryDequeue(out happened);
}
