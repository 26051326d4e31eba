using System.Globalization;
using System.Text;

namespace TrueLive.Server.Streams.Hls;

/// <summary>
/// The segments of an HLS output that can be had, and the playlists that list them (RFC 8216; with parts, the draft of its second edition).
/// Not thread-safe.
/// </summary>
/// <param name="keyframes">Longest time between key frames that was asked for.</param>
internal sealed class HlsWindow(TimeSpan keyframes)
{
    /// <summary>
    /// Longest part. Ten pictures of 30 a second fit, which players hold back by three times that, and so does one of a session that
    /// repeats its last picture three times a second.
    /// </summary>
    public static readonly TimeSpan PartTarget = TimeSpan.FromMilliseconds(350);

    /// <summary>Shortest part that neither begins nor ends a segment: 85 % of the longest, as the draft wants.</summary>
    public static readonly TimeSpan LeastPart = TimeSpan.FromMilliseconds(298);

    // A player begins three target durations before the end. One that has an older playlist may still fetch what that names.
    private const int Listed = 6;
    private const int Left = Listed + 1;
    private const int TargetsBehind = 3;

    private readonly List<HlsSegment> _segments = [];
    private long _breaks;
    private int _left;

    /// <summary>Segments, the oldest first; the last may still grow.</summary>
    public IReadOnlyList<HlsSegment> Segments => _segments;

    /// <summary>The segment that grows; null between two.</summary>
    public HlsSegment? Growing => _segments.Count > 0 && !_segments[^1].IsWhole ? _segments[^1] : null;

    /// <summary>Number of the segment that grows, or comes next.</summary>
    public long Next => _segments.Count == 0 ? 0 : _segments[^1].Number + (_segments[^1].IsWhole ? 1 : 0);

    /// <summary>Number of the next part.</summary>
    public long NextPart { get; private set; }

    /// <summary>Whether a segment is whole.</summary>
    public bool HasSegments => _segments.Count > 0 && _segments[0].IsWhole;

    /// <summary>What players take as the longest segment.</summary>
    public TimeSpan Target { get; } = TimeSpan.FromSeconds(Math.Ceiling(keyframes.TotalSeconds));

    /// <summary>Longest segment: its length is not rounded to more than the target.</summary>
    public TimeSpan Longest => Target + TimeSpan.FromMilliseconds(490);

    public void Add(HlsSegment segment) => _segments.Add(segment);

    public void Add(HlsSegment segment, int length, TimeSpan duration, bool key)
    {
        // Players refuse a playlist with a part that is longer than what was promised. Only a picture that stood for longer makes one.
        var listed = duration < PartTarget ? duration : PartTarget;
        segment.Parts.Add(new HlsPart(NextPart++, segment.Length, length, listed, key));
        segment.Length += length;
        segment.Duration += duration;
    }

    /// <summary>The segment that grew is whole. Returns those that nobody needs any more.</summary>
    public List<HlsSegment> Close()
    {
        var whole = _segments[^1];
        if (whole.Parts.Count == 0)
        {
            // The disk took none of it.
            _segments.Remove(whole);
            return [];
        }
        whole.IsWhole = true;
        while (_segments.Count - _left > Listed && Behind(_segments[_left + 1].Number) >= TargetsBehind * Target)
        {
            // A break is counted where it is listed no more.
            _breaks += _segments[_left++].Anew ? 1 : 0;
        }
        var gone = _segments[..Math.Max(0, _left - Left)];
        _segments.RemoveRange(0, gone.Count);
        _left -= gone.Count;
        return gone;
    }

    /// <summary>Whether a segment is whole, or a part of it can be had. One after its last part is the first of the next.</summary>
    public bool Has(long number, int? part)
    {
        if (number >= Next && part is null)
            return false;
        if (number < Next && (part is null || _segments.Find(s => s.Number == number) is not { } whole || part < whole.Parts.Count))
            return true;
        return number < Next ? Has(number + 1, 0) : number == Next && Growing is { } growing && part < growing.Parts.Count;
    }

    /// <summary>A playlist.</summary>
    /// <param name="parts">Whether it lists parts, and lets players wait for more.</param>
    /// <param name="query">What opens each file beside the playlist, from its question mark on.</param>
    /// <param name="ended">Nothing will be added.</param>
    public string Write(bool parts, string query, bool ended)
    {
        var text = new StringBuilder();
        Line($"#EXTM3U\n#EXT-X-VERSION:{(parts ? 9 : 6)}\n#EXT-X-TARGETDURATION:{Target.TotalSeconds}");
        if (parts)
        {
            Line($"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={3 * PartTarget.TotalSeconds:0.0##}");
            Line($"#EXT-X-PART-INF:PART-TARGET={PartTarget.TotalSeconds:0.0##}");
        }
        Line($"#EXT-X-MEDIA-SEQUENCE:{(_segments.Count > _left ? _segments[_left].Number : Next)}");
        Line($"#EXT-X-DISCONTINUITY-SEQUENCE:{_breaks}\n#EXT-X-INDEPENDENT-SEGMENTS");
        var head = -1;
        foreach (var segment in _segments[_left..].Where(s => parts || s.IsWhole))
        {
            if (segment.Anew)
                Line($"#EXT-X-DISCONTINUITY");
            if (segment.Head != head)
                Line($"#EXT-X-MAP:URI=\"{HlsSegment.HeadName(head = segment.Head)}{query}\"");
            Line($"#EXT-X-PROGRAM-DATE-TIME:{segment.Began.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}");
            foreach (var part in parts && Behind(segment.Number + 1) < TargetsBehind * Target ? segment.Parts : [])
            {
                var key = part.Key ? ",INDEPENDENT=YES" : "";
                Line($"#EXT-X-PART:DURATION={part.Duration.TotalSeconds:0.00000},URI=\"{part.Name}{query}\"{key}");
            }
            if (segment.IsWhole)
                Line($"#EXTINF:{segment.Duration.TotalSeconds:0.00000},\n{segment.Name}{query}");
        }
        if (ended)
            Line($"#EXT-X-ENDLIST");
        else if (parts)
            Line($"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{HlsPart.NameOf(NextPart)}{query}\"");
        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    // How much there is from a segment on.
    private TimeSpan Behind(long number) =>
        TimeSpan.FromTicks(_segments.Where(s => s.Number >= number).Sum(s => s.Duration.Ticks));
}
