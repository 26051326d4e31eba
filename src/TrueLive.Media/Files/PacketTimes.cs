using System.Globalization;

namespace TrueLive.Media.Files;

/// <summary>
/// The timing of a file by its packets. Headers may be wrong, be missing, or describe only the container; only packets say how long the
/// last picture is shown.
/// </summary>
internal sealed class PacketTimes(int video)
{
    // As in ffmpeg: a larger step means that the clock was reset.
    private const double Jump = 10;
    private const double Back = 0.1;
    private const double Reordered = 2;
    private const double ReorderedPictures = 20;
    private const double Furthest = 1e9;

    private double _decodedBefore = double.NaN;
    private double _shownBefore = double.NaN;
    private double _next = double.NaN;
    private double _offset;
    private double _soundEnd = double.MinValue;

    /// <summary>Number of pictures that are shown.</summary>
    public long Count { get; private set; }

    /// <summary>Time of the first picture.</summary>
    public double First { get; private set; } = double.MaxValue;

    /// <summary>Time of the last picture, with jumps of the clock removed.</summary>
    public double Last { get; private set; } = double.MinValue;

    /// <summary>Seconds for which the last picture is shown; 0 when its packet does not say.</summary>
    public double Hold { get; private set; }

    /// <summary>Whether timestamps restart within the file.</summary>
    public bool Restarts { get; private set; }

    /// <summary>Mean seconds between pictures; 0 for fewer than two.</summary>
    public double Mean => Count > 1 && Last > First ? (Last - First) / (Count - 1) : 0;

    /// <summary>
    /// Seconds for which the last picture is shown: until the end that the track claims, or else as long as its packet says. Where that is
    /// implausible and no sound lasts as long, the mean time between pictures.
    /// </summary>
    public double Tail(double? claimedEnd)
    {
        var hold = claimedEnd > Last ? claimedEnd.Value - Last : Hold;
        var believed = hold <= 60 || hold <= 10 * (Last - First) || Last + hold <= _soundEnd + 1;
        return hold > 0 && believed && hold <= MediaFile.MaxDuration.TotalSeconds ? hold : Mean > 0 ? Mean : 0.04;
    }

    /// <summary>Reads a line of ffprobe's output: index of the stream, presentation and decoding time, duration, flags.</summary>
    /// <param name="line">The line.</param>
    /// <param name="mends">Whether ffmpeg corrects jumps in the clock of this container (transport and program streams).</param>
    public void Read(ReadOnlySpan<char> line, bool mends)
    {
        Span<Range> fields = stackalloc Range[6];
        if (line.Split(fields, ',') < 5 || !int.TryParse(line[fields[0]], NumberStyles.None, CultureInfo.InvariantCulture, out var stream)
            || line[fields[4]].Contains('D'))
            return;
        var (shown, decoded, length) = (Number(line[fields[1]]), Number(line[fields[2]]), Number(line[fields[3]]));
        if (double.IsNaN(length) || length < 0)
            length = 0;
        if (stream != video)
        {
            _soundEnd = Math.Max(_soundEnd, double.IsNaN(shown) ? double.MinValue : shown + length);
            return;
        }
        Count++;
        var byDecoding = !double.IsNaN(decoded);
        var at = _offset + (byDecoding ? decoded : !double.IsNaN(shown) ? shown : double.IsNaN(_next) ? 0 : _next - _offset);
        // Decoding and presentation times are not compared with each other: pictures that others refer to are decoded long before they are
        // shown.
        ref var before = ref byDecoding ? ref _decodedBefore : ref _shownBefore;
        var back = at < before - (byDecoding ? Back : Math.Max(Reordered, ReorderedPictures * length));
        if (back || (mends && at > _next + Jump))
        {
            _offset += _next - at;
            at = _next;
            Restarts |= !mends;
        }
        (before, _next) = (at, at + length);
        var time = double.IsNaN(shown) ? at : shown + _offset;
        First = Math.Min(First, time);
        if (time >= Last)
            (Last, Hold) = (time, length);
    }

    private static double Number(ReadOnlySpan<char> text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && Math.Abs(value) < Furthest
        ? value
        : double.NaN;
}
