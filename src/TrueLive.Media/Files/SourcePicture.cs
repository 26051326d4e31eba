using System.Globalization;
using System.Text.Json;

namespace TrueLive.Media.Files;

/// <summary>The filters that make the pictures of a file upright, progressive, opaque and BT.709.</summary>
public sealed record SourcePicture
{
    // By EXIF orientation; ffmpeg names a rotation by what it does to the picture.
    private static readonly string[] Turns = ["", "", "hflip", "hflip,vflip", "vflip", "transpose=cclock_flip", "transpose=clock",
        "transpose=clock_flip", "transpose=cclock"];

    internal const string InterlacedNote = "The film is interlaced: each picture is made of its two fields.";

    internal static string TransparentNote(Backdrop colour) => $"Where the picture is transparent, {colour} is seen.";

    /// <summary>Whether pictures consist of two fields that were taken one after the other.</summary>
    public bool Interlaced { get; init; }

    /// <summary>Whether codec and container are those of broadcasts, where a film may change from progressive to interlaced.</summary>
    public bool MayInterlace { get; init; }

    /// <summary>Whether there may be transparent parts, whose colours are not meant to be seen.</summary>
    public bool Alpha { get; init; }

    /// <summary>What is seen through the transparent parts.</summary>
    public Backdrop Backdrop { get; init; }

    /// <summary>Decoder to use when ffmpeg's default would leave out the transparency; null for the default.</summary>
    public string? Decoder { get; init; }

    /// <summary>Whether no colour space is tagged and players assume BT.709 at this size.</summary>
    public bool HighDefinitionUntagged { get; init; }

    /// <summary>Transfer curve, primaries and matrix for zscale, of high dynamic range or wide gamut; null for ordinary pictures.</summary>
    public (string Transfer, string Primaries, string Matrix)? Wide { get; init; }

    /// <summary>EXIF orientation (1 is upright) where ffmpeg does not apply it.</summary>
    public int Orientation { get; init; } = 1;

    /// <summary>Whether its pixels are square regardless of the file's header.</summary>
    public bool SquarePixels { get; init; }

    /// <summary>Whether the transfer curve is one of high dynamic range (PQ or HLG).</summary>
    public bool HighDynamicRange => Wide is { Transfer: "smpte2084" or "arib-std-b67" };

    /// <summary>
    /// ffmpeg's filters from the decoder to frames of a size; with <paramref name="inner"/>, the picture has bars around it. A picture
    /// whose shape differs from that of the first (in a series of photographs, or when the phone was turned) keeps its own shape and gets
    /// bars, too.
    /// </summary>
    /// <param name="width">Width of the frames.</param>
    /// <param name="height">Height of the frames.</param>
    /// <param name="inner">Size of the picture within the frame; null fills it.</param>
    /// <param name="shape">Width over height of the first picture as shown.</param>
    public string Filters(int width, int height, (int Width, int Height)? inner, double shape)
    {
        var chain = new List<string>();
        if (Orientation > 1)
            chain.Add(Turns[Orientation]);
        if (Interlaced || MayInterlace)
            chain.Add("bwdif=mode=send_frame:deint=interlaced");
        var matrix = HighDefinitionUntagged ? ":in_color_matrix=bt709" : "";
        if (Alpha)
        {
            // Multiplied by its alpha, a picture lies over black; doing that before scaling keeps hidden colours out of the edges. Another
            // backdrop is added, weighted by the inverse of the alpha.
            var over = Backdrop == default ? "" : string.Create(CultureInfo.InvariantCulture,
                $",lutrgb=a=negval,colorchannelmixer=ra={Backdrop.Red / 255.0:0.####}:ga={Backdrop.Green / 255.0:0.####}:ba={Backdrop.Blue / 255.0:0.####}");
            chain.Add($"scale=flags=accurate_rnd+full_chroma_int{matrix},format=gbrap,premultiply=inplace=1{over},format=gbrp");
            matrix = "";
        }
        var (across, down) = inner ?? (width, height);
        // In a frame with odd sides, the edges of bars would fall between chroma samples.
        var barred = width % 2 == 0 && height % 2 == 0;
        var own = SquarePixels ? "a" : "dar";
        var size = !barred ? $"{across}:{down}" : string.Create(CultureInfo.InvariantCulture,
            $"w='if(lte(abs({own}/{shape}-1),{PictureShape.Unseen}),{across},max(2,trunc(min({width},{height}*{own})/2)*2))':h='if(lte(abs({own}/{shape}-1),{PictureShape.Unseen}),{down},max(2,trunc(min({height},{width}/{own})/2)*2))'");
        if (Wide is { } wide)
        {
            chain.Add($"scale={size}:flags=area");
            chain.Add($"zscale=tin={wide.Transfer}:pin={wide.Primaries}:min={(Alpha ? "gbr" : wide.Matrix)}:t=linear:npl=100,format=gbrpf32le,zscale=p=bt709");
            if (HighDynamicRange)
                chain.Add("tonemap=hable:desat=0:peak=10");
            chain.Add("zscale=t=bt709:m=bt709:p=bt709:r=tv");
        }
        else
            chain.Add($"scale={size}:flags=area{matrix}:out_color_matrix=bt709:out_range=tv");
        chain.Add("setsar=1,format=yuv420p");
        if (barred)
            chain.Add(string.Create(CultureInfo.InvariantCulture, $"pad={width}:{height}:-1:-1:black"));
        chain.Add("showinfo=checksum=0");
        return string.Join(',', chain);
    }

    /// <summary>Reads what ffprobe says about a video stream, and adds notes for the user.</summary>
    internal static SourcePicture From(JsonElement video, string format, int width, int height, bool zscale, List<string> notes)
    {
        string Say(string name) =>
            video.TryGetProperty(name, out var v) && v.GetString() is { } text && text is not ("unknown" or "reserved") ? text : "";
        var (codec, pixels, order) = (Say("codec_name"), Say("pix_fmt"), Say("field_order"));
        var yuv = pixels.StartsWith("yuv", StringComparison.Ordinal);
        var layered = codec is "vp8" or "vp9" && video.TryGetProperty("tags", out var tags) && tags.EnumerateObject()
            .Any(t => t.Name.Equals("alpha_mode", StringComparison.OrdinalIgnoreCase) && t.Value.GetString() == "1");
        var alpha = layered
            || (codec != "mjpeg" && (pixels.StartsWith("yuva", StringComparison.Ordinal)
            || pixels.StartsWith("gbrap", StringComparison.Ordinal)
            || pixels.StartsWith("rgba", StringComparison.Ordinal) || pixels.StartsWith("bgra", StringComparison.Ordinal)
            || pixels is "argb" or "abgr" or "pal8" || pixels.StartsWith("ya", StringComparison.Ordinal)));
        if (alpha)
            notes.Add(TransparentNote(default));
        var interlaced = order is "tt" or "bb" or "tb" or "bt";
        if (interlaced)
            notes.Add(InterlacedNote);
        var (transfer, primaries) = (Say("color_transfer"), Say("color_primaries"));
        var bright = transfer is "smpte2084" or "arib-std-b67";
        var wide = bright || primaries is "bt2020";
        if (bright)
            notes.Add(zscale
                ? "The film is in high dynamic range: its brightness is brought to that of ordinary screens."
                : "The film is in high dynamic range, and its brightness stays as it is: this ffmpeg has no zscale filter.");
        if (pixels.EndsWith("10le", StringComparison.Ordinal) || pixels.EndsWith("10be", StringComparison.Ordinal)
            || pixels.EndsWith("12le", StringComparison.Ordinal) || pixels.EndsWith("12be", StringComparison.Ordinal))
            notes.Add($"The film has {pixels[^4..^2]} bits a colour; the model works with 8.");
        return new SourcePicture
        {
            Interlaced = interlaced,
            MayInterlace = codec is "mpeg2video" or "h264" or "vc1" && format is "mpegts" or "mpeg" or "mxf",
            // A later picture of a series may have transparency even if the first has none.
            Alpha = alpha || codec == "png" && !format.EndsWith("_pipe", StringComparison.Ordinal),
            Decoder = layered ? $"libvpx{(codec == "vp9" ? "-vp9" : "")}" : null,
            HighDefinitionUntagged = Say("color_space").Length == 0 && yuv && (height > 576 || width >= 1280),
            Wide = !wide || !zscale
                ? null
                : (Or(transfer, "bt709"), Or(primaries, "bt2020"), Or(Say("color_space"), yuv ? "bt2020nc" : "gbr")),
        };

        static string Or(string text, string otherwise) => text.Length > 0 ? text : otherwise;
    }
}
