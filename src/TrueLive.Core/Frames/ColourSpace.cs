namespace TrueLive.Core.Frames;

/// <summary>Matrix that relates Y'CbCr to R'G'B' (ITU-T H.273 table 4, values 1, 5 and 6).</summary>
public enum ColourMatrix : byte
{
    /// <summary>ITU-R BT.601, standard definition; JPEG (JFIF) uses it in full range.</summary>
    Bt601,

    /// <summary>ITU-R BT.709, high definition; Chromium's canvas capture uses it in full range.</summary>
    Bt709,
}

/// <summary>How the samples of a picture map to colour. Carried by every frame, never guessed after decode.</summary>
/// <param name="Matrix">Y'CbCr matrix.</param>
/// <param name="FullRange">True when luma spans 0..255; false for 16..235 with chroma 16..240.</param>
public readonly record struct ColourSpace(ColourMatrix Matrix, bool FullRange)
{
    /// <summary>Assumed for a stream that does not signal its colour space (WebRTC practice for camera video).</summary>
    public static ColourSpace Bt601Limited => new(ColourMatrix.Bt601, false);

    /// <summary>BT.709 with studio range: what most files and encoders carry at 720p and above.</summary>
    public static ColourSpace Bt709Limited => new(ColourMatrix.Bt709, false);

    /// <summary>BT.709 with full range: what Chromium's canvas capture sends.</summary>
    public static ColourSpace Bt709Full => new(ColourMatrix.Bt709, true);

    /// <summary>BT.601 with full range: JPEG (JFIF).</summary>
    public static ColourSpace Bt601Full => new(ColourMatrix.Bt601, true);
}
