using System.Drawing;
using System.Globalization;

namespace TrueLive.Media.Files;

/// <summary>The colour that is seen where a picture is transparent.</summary>
/// <param name="Red">0..255.</param>
/// <param name="Green">0..255.</param>
/// <param name="Blue">0..255.</param>
public readonly record struct Backdrop(byte Red, byte Green, byte Blue)
{
    /// <summary>How a colour is written.</summary>
    public const string Rule = "A colour is six hexadecimal digits after a # (#00b140), or a name of CSS (white).";

    /// <summary>Reads <c>#rrggbb</c> or a colour name of CSS; case does not matter.</summary>
    public static bool TryParse(string text, out Backdrop colour)
    {
        colour = default;
        if (text is ['#', .. { Length: 6 } digits])
        {
            if (!int.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var rgb))
                return false;
            colour = new((byte)(rgb >> 16), (byte)(rgb >> 8), (byte)rgb);
            return true;
        }
        var named = Color.FromName(text);
        colour = new(named.R, named.G, named.B);
        return named.IsKnownColor && !named.IsSystemColor && named.A == byte.MaxValue;
    }

    /// <summary>In a form that <see cref="TryParse"/> accepts.</summary>
    public override string ToString() =>
        this == default ? "black" : string.Create(CultureInfo.InvariantCulture, $"#{Red:x2}{Green:x2}{Blue:x2}");
}
