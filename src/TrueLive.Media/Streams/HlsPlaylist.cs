using System.Globalization;

namespace TrueLive.Media.Streams;

/// <summary>A playlist of HLS (RFC 8216) as far as a reader of live streams needs it: either variants, or segments.</summary>
/// <param name="Variants">Other playlists with their bits per second, where it is a list of playlists.</param>
/// <param name="First">Number of the first segment.</param>
/// <param name="Segments">Segments in order.</param>
/// <param name="Head">What comes before all segments (EXT-X-MAP); null for none.</param>
/// <param name="Target">Longest duration of a segment.</param>
/// <param name="Ended">No more segments will come.</param>
internal sealed record HlsPlaylist(
    IReadOnlyList<(long Bandwidth, Uri At)> Variants, long First, IReadOnlyList<Uri> Segments, Uri? Head, TimeSpan Target, bool Ended)
{
    private const int MaxEntries = 10_000;
    private const long MaxNumber = 1L << 50;

    /// <summary>Reads a playlist.</summary>
    /// <param name="text">What the server sent.</param>
    /// <param name="from">Its address, to which those in it are relative.</param>
    /// <exception cref="HttpRequestException">It is none, or one that is not read; the message says why.</exception>
    public static HlsPlaylist Parse(string text, Uri from)
    {
        var variants = new List<(long, Uri)>();
        var segments = new List<Uri>();
        Uri? head = null;
        var (first, target, ended, bandwidth) = (0L, 6.0, false, (long?)null);
        if (!text.StartsWith("#EXTM3U", StringComparison.Ordinal))
            throw new HttpRequestException("what came is no HLS playlist");
        foreach (var raw in text.AsSpan().EnumerateLines())
        {
            var line = raw.Trim();
            if (line.IsEmpty)
                continue;
            if (line[0] != '#')
            {
                var at = Address(line);
                if (bandwidth is { } rate)
                    variants.Add((rate, at));
                else
                    segments.Add(at);
                bandwidth = null;
                if (variants.Count + segments.Count > MaxEntries)
                    throw new HttpRequestException($"its playlist has more than {MaxEntries} entries");
            }
            else if (Value(line, "#EXT-X-STREAM-INF:", out var info))
                bandwidth = long.TryParse(Attribute(info, "BANDWIDTH="), CultureInfo.InvariantCulture, out var bits) ? bits : 0;
            else if (Value(line, "#EXT-X-MEDIA-SEQUENCE:", out var number))
                _ = long.TryParse(number, CultureInfo.InvariantCulture, out first);
            else if (Value(line, "#EXT-X-TARGETDURATION:", out var longest))
                target = double.TryParse(longest, CultureInfo.InvariantCulture, out var s) && double.IsFinite(s) ? Math.Clamp(s, 1, 60) : 6;
            else if (Value(line, "#EXT-X-MAP:", out var map))
                head = Address(Attribute(map, "URI="));
            else if (Value(line, "#EXT-X-KEY:", out var key) && !Attribute(key, "METHOD=").SequenceEqual("NONE"))
                throw new HttpRequestException("it is encrypted, which is not read here");
            else if (line.StartsWith("#EXT-X-ENDLIST", StringComparison.Ordinal))
                ended = true;
        }
        return new HlsPlaylist(variants, Math.Clamp(first, 0, MaxNumber), segments, head, TimeSpan.FromSeconds(target), ended);

        Uri Address(ReadOnlySpan<char> written) => Uri.TryCreate(from, written.ToString(), out var at) && at.Scheme is "http" or "https"
            ? at : throw new HttpRequestException("its playlist names something that is not at an http or https address");
    }

    private static bool Value(ReadOnlySpan<char> line, string tag, out ReadOnlySpan<char> value)
    {
        value = line.StartsWith(tag, StringComparison.Ordinal) ? line[tag.Length..] : default;
        return !value.IsEmpty;
    }

    private static ReadOnlySpan<char> Attribute(ReadOnlySpan<char> list, string name)
    {
        if (list.IndexOf(name, StringComparison.Ordinal) is not (>= 0 and var start))
            return default;
        var value = list[(start + name.Length)..];
        if (value is ['"', ..])
            return value[1..].IndexOf('"') is >= 0 and var close ? value[1..(close + 1)] : default;
        return value.IndexOf(',') is >= 0 and var comma ? value[..comma] : value;
    }
}
