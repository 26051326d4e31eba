namespace TrueLive.Core.Frames;

/// <summary>Video codecs.</summary>
public enum VideoCodec : byte
{
    /// <summary>H.264 Annex B byte stream with start codes; parameter sets precede each key frame.</summary>
    H264,

    /// <summary>One VP8 frame as in RFC 6386.</summary>
    Vp8,

    /// <summary>One baseline JPEG (JFIF).</summary>
    Jpeg,
}

/// <summary>
/// One whole coded picture (access unit). <see cref="Data"/> is borrowed: valid only during the call that hands it over.
/// </summary>
public readonly ref struct EncodedFrame
{
    /// <summary>Codec of <see cref="Data"/>.</summary>
    public required VideoCodec Codec { get; init; }

    /// <summary>The coded bytes.</summary>
    public required ReadOnlySpan<byte> Data { get; init; }

    /// <summary>90 kHz RTP time.</summary>
    public required uint RtpTime { get; init; }

    /// <summary>
    /// Decoding can start here: the picture stands alone, or (H.264 with intra refresh) the pictures after it become complete.
    /// </summary>
    public required bool KeyFrame { get; init; }

    /// <summary>Frames before this one are missing.</summary>
    public bool AfterGap { get; init; }

    /// <summary>Colour as signalled beside the stream (RTP header extension); null when nothing was signalled.</summary>
    public ColourSpace? Colour { get; init; }

    /// <summary>
    /// On the way in, the arrival of the frame's last packet; on the way out, everything known about the picture. Players synchronise sound
    /// and picture by <see cref="FrameTicket.Arrived"/>, which is 0 for a picture without live input.
    /// </summary>
    public FrameTicket Ticket { get; init; }
}
