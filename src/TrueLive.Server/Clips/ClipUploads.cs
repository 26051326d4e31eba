using System.Text.Json;
using System.Text.Json.Serialization;
using TrueLive.Clips;
using TrueLive.Core.Tiers;
using TrueLive.Media.Files;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Clips;

/// <summary>A file that a client sent, as the API shows it.</summary>
internal sealed record UploadView(
    string Id, string? Tier, string? TierMeans, string Name, long Bytes, int Width, int Height, double Fps, double DurationS, long Frames,
    bool HasAudio, string Codec,
    IReadOnlyList<string> Notes, DateTimeOffset Expires, string? PreviewUrl = null);

/// <summary>Files that clients sent, on disk, each with what ffprobe read in it. Thread-safe; survives a restart.</summary>
internal sealed class ClipUploads(ClipFolders folders, WorkPlaces places, ServerOptions options, TimeProvider time)
{
    /// <summary>Most uploads of one key: even a small one adds to every list and count.</summary>
    public const int MostOfOneKey = 2000;

    private static readonly TimeSpan ProbeTime = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Stores a file and probes it; a ZIP is a sequence of pictures at <paramref name="rate"/> per second. A refused file is removed again.
    /// </summary>
    /// <exception cref="RequestRefusedException">413 too large, 415 not a video, 429 or 503 too many at a time.</exception>
    public async Task<UploadView> TakeAsync(string owner, string? name, Stream body, long? length, double? rate, CancellationToken cancel)
    {
        var most = (long)options.ClipUploadMb << 20;
        if (length > most)
            throw TooLarge();
        if (folders.Refuse(length ?? 0) is { } full)
            throw new RequestRefusedException(full.Status, full.Words);
        return await TakeAsync(owner, name, length ?? most, async path =>
        {
            await using var file = new FileStream(path, FileMode.CreateNew);
            var buffer = new byte[81920];
            int read;
            while ((read = await body.ReadAsync(buffer, cancel).ConfigureAwait(false)) > 0)
            {
                if (file.Length + read > most)
                    throw TooLarge();
                await file.WriteAsync(buffer.AsMemory(0, read), cancel).ConfigureAwait(false);
            }
            await file.DisposeAsync().ConfigureAwait(false);
            if (!PackedInput.Is(path))
                return;
            using (await places.TurnAsync(cancel).ConfigureAwait(false))
                await PackAsync(path, rate ?? ImageSequence.DefaultRate, Math.Min(most, folders.LeftFor(owner)), cancel)
                    .ConfigureAwait(false);
        }, cancel).ConfigureAwait(false);
    }

    /// <summary>Stores a file that <paramref name="write"/> creates at the path that it is given.</summary>
    /// <exception cref="RequestRefusedException">413 without room, 415 not a video, 429 or 503 too many at a time.</exception>
    public async Task<UploadView> TakeAsync(string owner, string? name, long bytes, Func<string, Task> write, CancellationToken cancel)
    {
        using var place = places.Enter(owner);
        if (folders.CountOf(folders.Uploads, owner) >= MostOfOneKey)
            throw new RequestRefusedException(StatusCodes.Status413PayloadTooLarge,
                $"You have {MostOfOneKey} uploads. Delete some, or wait until they expire.");
        using var room = folders.Reserve(owner, bytes) ?? throw new RequestRefusedException(
            StatusCodes.Status413PayloadTooLarge,
            $"Your uploads, clips and journals fill {folders.UsedBy(owner) >> 20} of {options.ClipDiskMb} MB. Delete some, or wait until " +
            "they expire.");
        var id = ClipQueue.NewId();
        var folder = Path.Combine(folders.Uploads, id);
        try
        {
            ClipFolders.Own(folder, owner);
            var path = Path.Combine(folder, SafeName(name));
            await write(path).ConfigureAwait(false);
            UploadView view;
            using (await places.TurnAsync(cancel).ConfigureAwait(false))
                view = await LookAsync(id, path, cancel).ConfigureAwait(false);
            await File.WriteAllBytesAsync(Path.Combine(folder, "upload.json"),
                JsonSerializer.SerializeToUtf8Bytes(view, UploadJson.Default.UploadView), cancel).ConfigureAwait(false);
            return view;
        }
        catch
        {
            // On a read-only disk the folder stays until it expires.
            try
            {
                ClipFolders.Remove(folder);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
            }
            throw;
        }
    }

    /// <summary>The upload with this id if it belongs to this key, else null.</summary>
    public UploadView? Find(string owner, string? id)
    {
        if (!ClipFolders.IsId(id) || ClipFolders.OwnerOf(Path.Combine(folders.Uploads, id!)) != owner)
            return null;
        try
        {
            var view = Read(File.ReadAllBytes(Path.Combine(folders.Uploads, id!, "upload.json")), id!);
            return view?.Expires > time.GetUtcNow() ? view : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>
    /// The stored description of an upload; null where a crash or a full disk left it damaged, so that the other uploads can still be
    /// listed.
    /// </summary>
    internal static UploadView? Read(ReadOnlySpan<byte> json, string id)
    {
        try
        {
            var view = JsonSerializer.Deserialize(json, UploadJson.Default.UploadView);
            return view?.Id == id && view.Name == SafeName(view.Name) ? view : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>All uploads of a key.</summary>
    public IReadOnlyList<UploadView> List(string owner) => !Directory.Exists(folders.Uploads) ? []
        : [.. Directory.EnumerateDirectories(folders.Uploads).Select(d => Find(owner, Path.GetFileName(d))).OfType<UploadView>()
            .OrderByDescending(u => u.Expires)];

    /// <summary>Path of an upload's file.</summary>
    public string PathOf(UploadView upload) => Path.Combine(folders.Uploads, upload.Id, upload.Name);

    /// <summary>Deletes an upload.</summary>
    public void Delete(UploadView upload) => ClipFolders.Remove(Path.Combine(folders.Uploads, upload.Id));

    /// <summary>Deletes expired uploads, and those that a killed process left incomplete.</summary>
    public void Expire()
    {
        if (!Directory.Exists(folders.Uploads))
            return;
        var limit = time.GetUtcNow() - TimeSpan.FromHours(options.ClipKeepHours);
        foreach (var folder in Directory.EnumerateDirectories(folders.Uploads))
        {
            if (new DateTimeOffset(Directory.GetCreationTimeUtc(folder)) < limit)
                ClipFolders.Remove(folder);
        }
    }

    private async Task<UploadView> LookAsync(string id, string path, CancellationToken cancel)
    {
        using var late = new CancellationTokenSource(ProbeTime, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        try
        {
            var file = await MediaFile.OpenAsync(path, limit.Token).ConfigureAwait(false);
            return new UploadView(
                id, TierWords.Name(Tier.Clip), TierWords.Means(Tier.Clip), Path.GetFileName(path), new FileInfo(path).Length, file.Width,
                file.Height, Math.Round(file.FrameRate, 3), Math.Round(file.Duration.TotalSeconds, 3),
                file.Frames, file.HasAudio, file.Codec, file.Notes, time.GetUtcNow() + TimeSpan.FromHours(options.ClipKeepHours));
        }
        catch (MediaFileException wrong)
        {
            throw new RequestRefusedException(StatusCodes.Status415UnsupportedMediaType, wrong.Message);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new RequestRefusedException(StatusCodes.Status415UnsupportedMediaType,
                $"The file could not be read within {ProbeTime.TotalSeconds:0} s.");
        }
    }

    private static async Task PackAsync(string path, double rate, long most, CancellationToken cancel)
    {
        var packed = path + ".packed";
        try
        {
            await PackedInput.PackAsync(path, rate, packed, most, cancel).ConfigureAwait(false);
        }
        catch (MediaFileException wrong)
        {
            throw new RequestRefusedException(StatusCodes.Status415UnsupportedMediaType, wrong.Message);
        }
        File.Move(packed, path, overwrite: true);
    }

    private RequestRefusedException TooLarge() =>
        new(StatusCodes.Status413PayloadTooLarge,
            $"The file is larger than the {options.ClipUploadMb} MB that this server takes. Cut it or code it smaller first.");

    // The name is kept for people and for ffmpeg's guess of the format; nothing in it can leave the folder or name our own files.
    internal static string SafeName(string? name)
    {
        var last = (name ?? "").Split('/', '\\')[^1];
        var safe = new string([.. last.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '_').TakeLast(80)])
            .TrimStart('.', '-');
        return safe is "" or "owner" or "upload.json" or UploadPreview.Name ? "upload" : safe;
    }
}

[JsonSourceGenerationOptions(RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(UploadView))]
internal sealed partial class UploadJson : JsonSerializerContext;
