using System.Globalization;

namespace TrueLive.Media.Files;

/// <summary>
/// Reads exact frame times from what ffmpeg's showinfo filter prints. Its <c>pts_time</c> has six digits in all, so a time of
/// more than 1000 s is off by milliseconds; the whole-numbered <c>pts</c> and the time base have no such error.
/// </summary>
internal sealed class ShownTimes
{
    private double _timeBase;

    /// <summary>The time of the frame that the line describes; null for any other line.</summary>
    public TimeSpan? Read(ReadOnlySpan<char> line)
    {
        if (After(line, "config in time_base:") is { Length: > 0 } fraction)
        {
            var slash = fraction.IndexOf('/');
            if (slash > 0 && double.TryParse(fraction[..slash], CultureInfo.InvariantCulture, out var over)
                && double.TryParse(fraction[(slash + 1)..], CultureInfo.InvariantCulture, out var under) && under > 0)
                _timeBase = over / under;
            return null;
        }
        if (_timeBase <= 0 || !long.TryParse(After(line, " pts:"), NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture, out var pts))
            return null;
        var seconds = pts * _timeBase;
        return Math.Abs(seconds) < 1e6 ? TimeSpan.FromTicks((long)Math.Round(seconds * TimeSpan.TicksPerSecond)) : null;
    }

    /// <summary>The size of the frame that the line describes; null for any other line.</summary>
    public static (int Width, int Height)? Size(ReadOnlySpan<char> line)
    {
        var size = After(line, " s:");
        var cross = size.IndexOf('x');
        return cross > 0 && int.TryParse(size[..cross], NumberStyles.None, CultureInfo.InvariantCulture, out var width)
            && int.TryParse(size[(cross + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var height) ? (width, height) : null;
    }

    private static ReadOnlySpan<char> After(ReadOnlySpan<char> line, string key)
    {
        if (line.IndexOf(key, StringComparison.Ordinal) is not (>= 0 and var start))
            return [];
        var value = line[(start + key.Length)..].TrimStart();
        return value.IndexOfAny(' ', ',') is >= 0 and var end ? value[..end] : value;
    }
}
