using System.Globalization;

namespace TrueLive.Media.Files;

/// <summary>How the sound of a source is encoded for a clip: every track, with all channels for which the codec has a layout.</summary>
internal static class SoundCoding
{
    // Players and encoders agree on these; other layouts are mapped to the nearest of them.
    private static readonly string[] Aac = ["mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1"];
    private static readonly string[] Opus = ["mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1"];

    private const int MaxTracks = 8;

    private static readonly TimeSpan SeekAt = TimeSpan.FromSeconds(5);

    // Nothing is stretched after the first sample: gaps are filled with silence and overlaps are cut, so that sound stays in sync.
    private const string InStep = "aresample=async=1:min_hard_comp=0.03:first_pts=0";

    // Where the times of a file restart, each sample follows the one before, as the pictures do.
    private const string EndToEnd = "asetpts=N/SR/TB";

    /// <summary>Number of a file's tracks that are used.</summary>
    public static int Tracks(MediaFile source) => Math.Min(source.Sound.Count, MaxTracks);

    /// <summary>
    /// Whether to seek to where the sound begins: only far into a file, and only if seeks are exact. Otherwise everything before it is
    /// decoded.
    /// </summary>
    public static bool Seeks(MediaFile source, TimeSpan start) => start >= SeekAt && source.SeeksExactly && !source.Restarts;

    /// <summary>ffmpeg's arguments for the tracks of input 1.</summary>
    /// <param name="source">Where the sound is from.</param>
    /// <param name="start">Time in it of the clip's first frame.</param>
    /// <param name="format">What is written.</param>
    /// <param name="plain">Whether to use only the first two channels of the first track, whatever their positions.</param>
    public static string[] Arguments(MediaFile source, TimeSpan start, ClipFormat format, bool plain)
    {
        var layouts = format == ClipFormat.WebM ? Opus : Aac;
        var cut = Seeks(source, start) || start <= TimeSpan.Zero
            ? ""
            : string.Create(CultureInfo.InvariantCulture,
            $"atrim=start={start.TotalSeconds:0.######},asetpts=PTS-{start.TotalSeconds:0.######}/TB,");
        var order = $"{(source.Restarts ? EndToEnd + "," : "")}{cut}{InStep}";
        List<string> all = ["-c:a", format == ClipFormat.WebM ? "libopus" : "aac"];
        for (var i = 0; i < (plain ? 1 : Tracks(source)); i++)
        {
            var sound = source.Sound[i];
            var places = plain ? sound.Channels > 1 ? "pan=stereo|c0=c0|c1=c1" : "pan=mono|c0=c0"
                : $"aformat=channel_layouts={string.Join('|', layouts)}";
            var channels = plain ? Math.Min(2, sound.Channels) : sound.Channels;
            all.AddRange(["-map", $"1:a:{i}", $"-filter:a:{i}", $"{order},{places}", $"-b:a:{i}",
                $"{Math.Clamp(80 * channels, 128, 512)}k"]);
        }
        return [.. all];
    }

    /// <summary>A note about tracks whose channels differ from the source's; null when none do.</summary>
    public static string? Changed(MediaFile source, IReadOnlyList<SoundTrack> made)
    {
        var said = made.Zip(source.Sound).Where(t => t.First.Channels != t.Second.Channels)
            .Select(t => $"{Name(t.Second)} became {Name(t.First)}").ToArray();
        var left = source.Sound.Count - made.Count;
        string[] all = [.. said.Length > 0 ? [$"The sound's channels were mapped: {string.Join(", ", said)}."] : Array.Empty<string>(),
            .. left > 0 ? [$"{made.Count} of {source.Sound.Count} tracks of sound were taken."] : Array.Empty<string>()];
        return all.Length > 0 ? string.Join(' ', all) : null;
    }

    private static string Name(SoundTrack track) => track.Layout ?? $"{track.Channels} channels";
}
