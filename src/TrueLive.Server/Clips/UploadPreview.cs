using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.Media.Files;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Clips;

/// <summary>
/// A picture of an upload, for browsers that cannot show the file itself: films in codecs that they lack, pictures in a ZIP. Made when
/// first requested, and kept beside the upload.
/// </summary>
internal sealed class UploadPreview(ClipUploads uploads) : IDisposable
{
    /// <summary>Its file, beside the upload's.</summary>
    public const string Name = "preview.jpg";

    private const int Side = 960;
    private const int Quality = 85;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);

    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>Path of the picture.</summary>
    /// <exception cref="RequestRefusedException">415: the upload has no picture that can be decoded.</exception>
    public async Task<string> OfAsync(UploadView upload, CancellationToken cancel)
    {
        var path = Path.Combine(Path.GetDirectoryName(uploads.PathOf(upload))!, Name);
        if (File.Exists(path))
            return path;
        // A list of many uploads requests all previews at once; one decoder at a time is enough.
        await _one.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            if (!File.Exists(path))
                await MakeAsync(upload, path, cancel).ConfigureAwait(false);
            return path;
        }
        catch (MediaFileException wrong)
        {
            throw new RequestRefusedException(StatusCodes.Status415UnsupportedMediaType, wrong.Message);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task MakeAsync(UploadView upload, string path, CancellationToken cancel)
    {
        var file = await MediaFile.OpenAsync(uploads.PathOf(upload), cancel).ConfigureAwait(false);
        var (width, height) = PictureShape.Fit(file.Width, file.Height, Math.Min(Side, file.Width), Math.Min(Side, file.Height));
        await using var source = FileSource.Open(file, Math.Max(2, width & ~1), Math.Max(2, height & ~1),
            new FramePool("upload preview", 2), background: true, longest: Longest);
        // Many films start with a dark picture.
        var wanted = TimeSpan.FromSeconds(Math.Min(1, file.Duration.TotalSeconds / 2));
        VideoFrame? shown = null;
        try
        {
            while (shown is null || shown.Ticket.Captured < wanted)
            {
                if (await source.ReadAsync(cancel).ConfigureAwait(false) is not { } next)
                    break;
                shown?.Dispose();
                shown = next;
            }
            using var jpeg = new JpegCodec();
            using var converted = new JpegColour().Convert(shown ?? throw new MediaFileException($"{upload.Name} holds no picture."));
            var partial = $"{path}.{Path.GetRandomFileName()}";
            await File.WriteAllBytesAsync(partial, jpeg.Encode(converted, Quality).ToArray(), cancel).ConfigureAwait(false);
            File.Move(partial, path, overwrite: true);
        }
        finally
        {
            shown?.Dispose();
        }
    }
}
