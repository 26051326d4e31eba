namespace TrueLive.Core.Frames;

/// <summary>Video codings that travel between the network side and the codec side.</summary>
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
    /// <summary>Coding of <see cref="Data"/>.</summary>
    public required VideoCodec Codec { get; init; }

    /// <summary>The coded bytes.</summary>
    public required ReadOnlySpan<byte> Data { get; init; }

    /// <summary>90 kHz RTP time.</summary>
    public required uint RtpTime { get; init; }

    /// <summary>Decoding can begin here: the picture stands alone, or (H.264 with intra refresh) those after it become whole from here on.</summary>
    public required bool KeyFrame { get; init; }

    /// <summary>Frames before this one are missing.</summary>
    public bool AfterGap { get; init; }

    /// <summary>Colour as signalled beside the stream (RTP header extension); null when nothing was signalled.</summary>
    public ColourSpace? Colour { get; init; }

    /// <summary>
    /// On the way in, when the last packet of the frame was here; on the way out, all that is known of the picture. Players keep sound and
    /// picture together by <see cref="FrameTicket.Arrived"/>, which a picture made from no live input lacks.
    /// </summary>
    public FrameTicket Ticket { get; init; }
}
