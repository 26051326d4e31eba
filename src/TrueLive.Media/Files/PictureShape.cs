namespace TrueLive.Media.Files;

/// <summary>Sizes that keep the shape of a picture.</summary>
public static class PictureShape
{
    /// <summary>
    /// A relative difference in aspect ratio that nobody sees: rounding to the sizes that a model accepts stays below it.
    /// </summary>
    internal const double Unseen = 0.04;

    /// <summary>The largest size with a picture's aspect ratio that fits into a box.</summary>
    public static (int Width, int Height) Fit(int width, int height, int boxWidth, int boxHeight)
    {
        var scale = Math.Min(boxWidth / (double)width, boxHeight / (double)height);
        return (Math.Max(1, (int)Math.Round(width * scale)), Math.Max(1, (int)Math.Round(height * scale)));
    }

    /// <summary>The even size of a picture within a frame of another shape; null when the shapes are nearly the same.</summary>
    public static (int Width, int Height)? Inside(int width, int height, int frameWidth, int frameHeight)
    {
        if (Math.Abs(width / (double)height * frameHeight / frameWidth - 1) <= Unseen)
            return null;
        var (w, h) = Fit(width, height, frameWidth, frameHeight);
        return (Math.Clamp(w & ~1, 2, frameWidth), Math.Clamp(h & ~1, 2, frameHeight));
    }
}
