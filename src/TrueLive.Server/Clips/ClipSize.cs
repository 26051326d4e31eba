using TrueLive.Core.Models;
using TrueLive.Media.Files;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Clips;

/// <summary>
/// The size of a clip: a box that its picture is fitted into or, with <c>!</c> behind it, a size that it is stretched to.
/// </summary>
public static class ClipSize
{
    /// <summary>How a size is written.</summary>
    public const string Rule = "Write it as 512x288, both sides within 16..4096: the picture fits into it. With an exclamation mark " +
        "(512x288!) it is stretched to fill it.";

    /// <summary>Reads a size.</summary>
    public static bool TryParse(string text, out (int Width, int Height) size, out bool stretch)
    {
        stretch = text.EndsWith('!');
        return PictureSize.TryParse(text.AsSpan().TrimEnd('!'), out size);
    }

    /// <summary>The even size at which a model makes a picture.</summary>
    /// <param name="sizes">Sizes at which the model runs.</param>
    /// <param name="width">Width of the source as shown.</param>
    /// <param name="height">Height of the source as shown.</param>
    /// <param name="asked">Size asked for; 0x0 takes the source's.</param>
    /// <param name="stretch">Whether the size is filled rather than fitted into.</param>
    public static (int Width, int Height) For(ModelSizes sizes, int width, int height, (int Width, int Height) asked, bool stretch)
    {
        var (w, h) = asked.Width <= 0 ? (width, height) : stretch ? asked : PictureShape.Fit(width, height, asked.Width, asked.Height);
        var size = sizes.Nearest(w, h);
        return (size.Width + (size.Width & 1), size.Height + (size.Height & 1));
    }
}
