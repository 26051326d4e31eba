namespace TrueLive.Probe.Stimuli;

/// <summary>A picture in full-resolution Y'CbCr, samples nominally 0..255 with chroma around 128: what the probe draws and reads.</summary>
public sealed class Picture(int width, int height)
{
    /// <summary>Width of the pictures that the probe analyses.</summary>
    public const int AnalysisWidth = 160;

    /// <summary>Height of the pictures that the probe analyses.</summary>
    public const int AnalysisHeight = 90;

    /// <summary>Width in pixels.</summary>
    public int Width { get; } = width;

    /// <summary>Height in pixels.</summary>
    public int Height { get; } = height;

    /// <summary>Luma, row by row.</summary>
    public float[] Y { get; } = new float[width * height];

    /// <summary>Cb, row by row.</summary>
    public float[] U { get; } = new float[width * height];

    /// <summary>Cr, row by row.</summary>
    public float[] V { get; } = new float[width * height];

    /// <summary>A picture of the analysis size.</summary>
    public static Picture ForAnalysis() => new(AnalysisWidth, AnalysisHeight);

    /// <summary>Copies another picture of the same size.</summary>
    public void CopyFrom(Picture other)
    {
        other.Y.CopyTo(Y.AsSpan());
        other.U.CopyTo(U.AsSpan());
        other.V.CopyTo(V.AsSpan());
    }
}
