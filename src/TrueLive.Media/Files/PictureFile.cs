using TrueLive.Core.Frames;

namespace TrueLive.Media.Files;

/// <summary>Writes single frames as pictures.</summary>
public static class PictureFile
{
    /// <summary>Writes a PNG in sRGB; an older file is replaced. The frame is taken as BT.709 limited.</summary>
    /// <exception cref="MediaFileException">ffmpeg failed; the message says why.</exception>
    public static async Task WritePngAsync(string path, VideoFrame frame, CancellationToken cancel)
    {
        await using var child = FfmpegChild.Start("ffmpeg",
            ["-loglevel", "error", "-y", "-f", "matroska", "-i", "pipe:0", "-vf", "scale=in_color_matrix=bt709:in_range=tv:flags=accurate_rnd+full_chroma_int,format=rgb24",
                "-frames:v", "1", "-c:v", "png", "-f", "image2", "-update", "1", "file:" + Path.GetFullPath(path)], TimeSpan.FromMinutes(1));
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
