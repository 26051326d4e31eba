using System.Globalization;

namespace TrueLive.Server.Streams.Hls;

/// <summary>A piece of a segment that players get before the segment is whole.</summary>
/// <param name="Number">Its place among all parts of the output.</param>
/// <param name="Start">Where it begins in the segment's file.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Duration">Its length as it is listed.</param>
/// <param name="Key">It begins with a key frame.</param>
internal sealed record HlsPart(long Number, long Start, int Length, TimeSpan Duration, bool Key)
{
    public string Name => NameOf(Number);

    public static string NameOf(long number) => string.Create(CultureInfo.InvariantCulture, $"part{number:D6}.m4s");
}

/// <summary>From one key frame to the next. Whoever holds the lock of its output may change it.</summary>
/// <param name="number">Its place among all segments of the output.</param>
/// <param name="head">Number of the head that its pictures need.</param>
/// <param name="began">When its first picture came.</param>
/// <param name="anew">What was before it does not go on in it.</param>
internal sealed class HlsSegment(long number, int head, DateTimeOffset began, bool anew)
{
    public long Number => number;

    public int Head => head;

    public DateTimeOffset Began => began;

    public bool Anew => anew;

    public string Name => string.Create(CultureInfo.InvariantCulture, $"segment{number:D6}.m4s");

    public List<HlsPart> Parts { get; } = [];

    /// <summary>How long its pictures last; of one that grows, those in its parts.</summary>
    public TimeSpan Duration { get; set; }

    public long Length { get; set; }

    /// <summary>Nothing will be added to it.</summary>
    public bool IsWhole { get; set; }

    public static string HeadName(int head) => string.Create(CultureInfo.InvariantCulture, $"init{head}.mp4");
}
