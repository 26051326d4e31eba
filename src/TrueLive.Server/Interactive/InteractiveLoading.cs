using System.Collections.Immutable;
using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Tiers;
using TrueLive.Media.Codecs;
using TrueLive.Media.Files;
using TrueLive.Server.Clips;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Interactive;

/// <summary>
/// Converts all kinds of sources to one form: an upload, from which clips can be exported, and its frames in memory at the model's size and
/// in the colour space of JPEG, so that no tweak has to scale or convert a frame.
/// </summary>
internal sealed class InteractiveLoading(ClipUploads uploads)
{
    /// <summary>Frames held at most: 20 s at 60 frames a second.</summary>
    public const int MaxFrames = 1200;

    /// <summary>Bytes of frames held at most: 20 s at 30 frames a second of 768x432.</summary>
    public const long MaxBytes = 300L << 20;

    private const int StillRate = 25;
    private const int StillSide = 1920;
    private const int Quality = 92;

    /// <summary>A still picture shown for a number of seconds, as an upload of its own.</summary>
    public async Task<UploadView> HoldAsync(string owner, UploadView still, double seconds, CancellationToken cancel)
    {
        var file = await MediaFile.OpenAsync(uploads.PathOf(still), cancel).ConfigureAwait(false);
        var pool = new FramePool("still");
        var scale = Math.Min(1, StillSide / (double)Math.Max(file.Width, file.Height));
        var (width, height) = ((int)(file.Width * scale) & ~1, (int)(file.Height * scale) & ~1);
        await using var source = FileSource.Open(file, Math.Max(2, width), Math.Max(2, height), pool, background: true);
        using var frame = await source.ReadAsync(cancel).ConfigureAwait(false)
            ?? throw new MediaFileException($"{still.Name} holds no picture.");
        var count = (int)Math.Round(seconds * StillRate);
        return await WriteAsync(owner, "still.mkv", Enumerable.Range(0, count)
            .Select(i => (frame, TimeSpan.FromSeconds(i / (double)StillRate))), frame.Width * frame.Height / 2L * count, cancel)
            .ConfigureAwait(false);
    }

    /// <summary>The last seconds of a live session, as an upload. The frames stay the caller's.</summary>
    public Task<UploadView> TakeAsync(string owner, ImmutableArray<VideoFrame> frames, CancellationToken cancel) =>
        WriteAsync(owner, "live.mkv", frames.Select(f => (f, f.Ticket.Captured - frames[0].Ticket.Captured)),
            frames.Sum(f => f.Width * f.Height / 2L), cancel);

    /// <summary>
    /// Decodes a part of an upload and returns its length, including the last frame's duration. The caller owns the frames.
    /// </summary>
    /// <exception cref="RequestRefusedException">422: the part is empty, too long or has too many frames.</exception>
    public async Task<(ImmutableArray<VideoFrame> Frames, TimeSpan Length)> LoadAsync(
        UploadView upload, (int Width, int Height) size, bool stretch, TimeSpan start, TimeSpan end, CancellationToken cancel)
    {
        if (end - start > InteractiveClip.MaxSource)
            throw Wrong($"The part is {(end - start).TotalSeconds:0.#} s long; an interactive clip takes at most " +
                $"{InteractiveClip.MaxSource.TotalSeconds:0} s. Trim it with trim.start_s and trim.end_s.");
        var file = await MediaFile.OpenAsync(uploads.PathOf(upload), cancel).ConfigureAwait(false);
        var pool = new FramePool("interactive clip", 8);
        var colour = new JpegColour();
        var frames = ImmutableArray.CreateBuilder<VideoFrame>();
        try
        {
            // Uses only the processor time that live sessions leave, and decodes nothing far before the part.
            await using var source = await FileSource.OpenAtAsync(file, size.Width, size.Height, pool, start, background: true,
                MediaFile.MaxDuration, threads: 0, cancel, keepShape: !stretch).ConfigureAwait(false);
            while (await source.ReadAsync(cancel).ConfigureAwait(false) is { } frame)
            {
                using (frame)
                {
                    if (frame.Ticket.Captured >= end)
                        break;
                    if (frame.Ticket.Captured < start)
                        continue;
                    if (frames.Count == MaxFrames)
                        throw Wrong($"The part has more than {MaxFrames} frames. Trim it with trim.start_s and trim.end_s.");
                    if ((frames.Count + 1L) * size.Width * size.Height * 3 / 2 > MaxBytes)
                        throw Wrong($"The part needs more than {MaxBytes >> 20} MB at {size.Width}x{size.Height}. Trim it with " +
                            "trim.start_s and trim.end_s, or take a smaller size.");
                    frames.Add(colour.Convert(frame));
                }
            }
            var last = frames.Count > 0
                ? frames[^1].Ticket.Captured
                : throw Wrong($"No frame lies between {start.TotalSeconds:0.###} s and {end.TotalSeconds:0.###} s.");
            var until = file.Duration < end ? file.Duration : end;
            var length = (until > last ? until : last + TimeSpan.FromMilliseconds(40)) - frames[0].Ticket.Captured;
            return (frames.DrainToImmutable(), length);
        }
        catch (MediaFileException wrong)
        {
            throw Wrong(wrong.Message);
        }
        finally
        {
            foreach (var frame in frames)
                frame.Dispose();
        }
    }

    private async Task<UploadView> WriteAsync(
        string owner, string name, IEnumerable<(VideoFrame Frame, TimeSpan At)> frames, long room, CancellationToken cancel) =>
        await uploads.TakeAsync(owner, name, room, path => Task.Run(
            () =>
            {
                using var jpeg = new JpegCodec();
                var colour = new JpegColour();
                using var video = new JpegMatroska(File.Create(path), TierTags.Of(Tier.Interactive));
                VideoFrame? shown = null;
                byte[] coded = [];
                foreach (var (frame, at) in frames)
                {
                    cancel.ThrowIfCancellationRequested();
                    if (frame != shown)
                    {
                        using var converted = colour.Convert(frame);
                        coded = jpeg.Encode(converted, Quality).ToArray();
                        shown = frame;
                    }
                    video.Write(coded, at, frame.Width, frame.Height);
                }
            }, cancel), cancel).ConfigureAwait(false);

    private static RequestRefusedException Wrong(string why) => new(StatusCodes.Status422UnprocessableEntity, why);
}
