using TrueLive.Core.Frames;

namespace TrueLive.Media.Files;

/// <summary>Single frames as picture files.</summary>
public static class PictureFile
{
    /// <summary>
    /// Reads a picture, turned upright, in BT.709 limited, with even sides of at most <paramref name="maxSide"/>. The caller disposes it.
    /// </summary>
    /// <exception cref="MediaFileException">It is not a picture that can be read; the message says why.</exception>
    public static async Task<VideoFrame> ReadAsync(string path, int maxSide, FramePool pool, CancellationToken cancel)
    {
        var file = await MediaFile.OpenAsync(path, cancel).ConfigureAwait(false);
        if (!file.IsPicture)
            throw new MediaFileException($"{Path.GetFileName(path)} is a video ({file.Codec}). Send a single picture, such as a " +
                "PNG or JPEG.");
        var (width, height) = PictureShape.Fit(file.Width, file.Height, Math.Min(maxSide, file.Width), Math.Min(maxSide, file.Height));
        await using var source = FileSource.Open(file, Math.Max(2, width & ~1), Math.Max(2, height & ~1), pool, background: true,
            longest: TimeSpan.FromSeconds(20));
        return await source.ReadAsync(cancel).ConfigureAwait(false)
            ?? throw new MediaFileException($"{Path.GetFileName(path)} holds no picture that can be decoded.");
    }

    /// <summary>Writes a PNG in sRGB; an older file is replaced. The frame is taken as BT.709 limited.</summary>
    /// <exception cref="MediaFileException">ffmpeg failed; the message says why.</exception>
    public static async Task WritePngAsync(string path, VideoFrame frame, CancellationToken cancel)
    {
        await using var child = FfmpegChild.Start("ffmpeg",
            ["-loglevel", "error", "-y", "-f", "matroska", "-i", "pipe:0", "-vf",
                "scale=in_color_matrix=bt709:in_range=tv:flags=accurate_rnd+full_chroma_int,format=rgb24",
                "-frames:v", "1", "-c:v", "png", "-f", "image2", "-update", "1", "file:" + Path.GetFullPath(path)],
                    TimeSpan.FromMinutes(1));
        var raw = new RawMatroska(frame.Width, frame.Height);
        try
        {
            await child.Input.WriteAsync(raw.Header(), cancel).ConfigureAwait(false);
            await child.Input.WriteAsync(raw.Frame(frame, TimeSpan.Zero), cancel).ConfigureAwait(false);
            child.Input.Close();
        }
        catch (IOException)
        {
            throw new MediaFileException($"{path} was not written: {await child.ComplaintAsync().ConfigureAwait(false)}.");
        }
        if (await child.WaitAsync(cancel).ConfigureAwait(false) != 0)
            throw new MediaFileException($"{path} was not written: {await child.ComplaintAsync().ConfigureAwait(false)}.");
    }
}
