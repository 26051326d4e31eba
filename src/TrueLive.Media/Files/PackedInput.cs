using System.Globalization;

namespace TrueLive.Media.Files;

/// <summary>
/// Input that ffmpeg cannot read as it is, and that is first converted to one file that it can: series of pictures, animated WebP, HEIC
/// photographs.
/// </summary>
public static class PackedInput
{
    private static readonly TimeSpan WebPTime = TimeSpan.FromMinutes(5);

    /// <summary>Whether this file or folder has to be packed before <see cref="MediaFile.OpenAsync"/> reads it.</summary>
    public static bool Is(string path) => ImageSequence.Is(path) || FileSignature.IsAnimatedWebP(path) || HeifPhotograph.IsTaken(path);

    /// <summary>Packs it.</summary>
    /// <param name="path">Folder or file.</param>
    /// <param name="rate">Frames per second of a series, within 1..120.</param>
    /// <param name="output">File to write.</param>
    /// <param name="maxBytes">Most bytes that a series, or the result, may have.</param>
    /// <param name="cancel">Ends it.</param>
    /// <exception cref="MediaFileException">It cannot be read, or is over a limit; the message says which.</exception>
    public static async Task PackAsync(string path, double rate, string output, long maxBytes, CancellationToken cancel)
    {
        if (ImageSequence.Is(path))
            await ImageSequence.PackAsync(path, rate, output, maxBytes, cancel).ConfigureAwait(false);
        else if (FileSignature.IsAnimatedWebP(path))
            await PackWebPAsync(path, output, maxBytes, cancel).ConfigureAwait(false);
        else
            await HeifPhotograph.ConvertAsync(path, output, cancel).ConfigureAwait(false);
    }

    private static async Task PackWebPAsync(string path, string output, long maxBytes, CancellationToken cancel)
    {
        var name = Path.GetFileName(path);
        await using var file = File.OpenRead(path);
        try
        {
            var webp = AnimatedWebP.Read(file);
            await using var decoder = FfmpegChild.Start(
                "ffmpeg", ["-loglevel", "error", "-protocol_whitelist", "pipe", "-max_pixels",
                    MediaFile.MaxPixels.ToString(CultureInfo.InvariantCulture), "-xerror", "-f", "webp_pipe", "-i", "pipe:0",
                    "-fps_mode", "passthrough", "-vf", $"format=bgra,pad={webp.Width}:{webp.Height}:0:0:black@0", "-f", "rawvideo",
                    "pipe:1"], WebPTime, background: true);
            // Each packet says how long its picture is shown; for the last one nothing else does.
            var (last, end) = (webp.Parts.SkipLast(1).Sum(p => p.Shown.TotalMilliseconds), webp.Parts.Sum(p => p.Shown.TotalMilliseconds));
            await using var encoder = FfmpegChild.Start(
                "ffmpeg", ["-loglevel", "error", "-y", "-f", "matroska", "-i", "pipe:0", "-fps_mode", "passthrough", "-enc_time_base",
                    "1:1000", "-c:v", "ffv1",
                    "-bsf:v", string.Create(CultureInfo.InvariantCulture,
                        $"setts=duration=if(gte(PTS*TB\\,{(last - 1) / 1000:0.###})\\,{(end - last) / 1000:0.###}/TB\\,DURATION)"), "-fs",
                        maxBytes.ToString(CultureInfo.InvariantCulture),
                    "-f", "matroska", "file:" + Path.GetFullPath(output)], WebPTime, background: true);
            var fed = FeedAsync(file, webp, decoder, cancel);
            try
            {
                await LayAsync(webp, decoder, encoder, name, cancel).ConfigureAwait(false);
            }
            catch (MediaException) when (IsFull())
            {
                // The encoder stopped at the limit, which is reported below.
            }
            if (IsFull())
                throw new MediaFileException($"{name} becomes larger than the {maxBytes >> 20} MB that are left for it.");
            await fed.ConfigureAwait(false);

            bool IsFull() => File.Exists(output) && new FileInfo(output).Length >= maxBytes;
        }
        catch (InvalidDataException wrong)
        {
            throw new MediaFileException($"{name} cannot be read: {wrong.Message}.", wrong);
        }
    }

    private static async Task FeedAsync(FileStream file, AnimatedWebP webp, FfmpegChild decoder, CancellationToken cancel)
    {
        // Closed even if a part is damaged, so that a reader that waits for pictures sees the end.
        using var input = decoder.Input;
        try
        {
            foreach (var part in webp.Parts)
                await input.WriteAsync(AnimatedWebP.Single(file, part), cancel).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // The decoder has ended; its reader reports why.
        }
    }

    private static async Task LayAsync(AnimatedWebP webp, FfmpegChild decoder, FfmpegChild encoder, string name, CancellationToken cancel)
    {
        var bytes = 4 * webp.Width * webp.Height;
        var (picture, canvas, at) = (new byte[bytes], new byte[bytes], TimeSpan.Zero);
        var raw = new RawMatroska(webp.Width, webp.Height, hasAlpha: true);
        try
        {
            await encoder.Input.WriteAsync(raw.Header(), cancel).ConfigureAwait(false);
            foreach (var part in webp.Parts)
            {
                if (await decoder.Output.ReadAtLeastAsync(picture, bytes, throwOnEndOfStream: false, cancel).ConfigureAwait(false) < bytes)
                    throw new MediaFileException($"{name} cannot be read: {await decoder.ComplaintAsync().ConfigureAwait(false)}.");
                webp.Lay(picture, canvas, part);
                await encoder.Input.WriteAsync(raw.Frame(canvas, at), cancel).ConfigureAwait(false);
                webp.Clear(canvas, part);
                at += part.Shown;
            }
            encoder.Input.Close();
        }
        catch (IOException)
        {
            throw await encoder.FailureAsync($"{name} could not be packed").ConfigureAwait(false);
        }
        if (await encoder.WaitAsync(cancel).ConfigureAwait(false) != 0)
            throw await encoder.FailureAsync($"{name} could not be packed").ConfigureAwait(false);
    }
}
