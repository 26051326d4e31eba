using System.Text.RegularExpressions;
using TrueLive.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Files;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Pictures;

/// <summary>A reference picture, as the API shows it: its id is the value of a model's parameter.</summary>
internal sealed record PictureView(string Id, int Width, int Height, DateTimeOffset Expires);

/// <summary>
/// Pictures that clients sent to set parameters with, decoded once, on disk. Thread-safe; survives a restart. A session, a journal and a
/// revision hold theirs by themselves, so one that expires is gone for later commands only.
/// </summary>
internal sealed partial class PictureStore(ClipFolders folders, WorkPlaces places, ServerOptions options, TimeProvider time)
{
    /// <summary>Largest file taken, in bytes.</summary>
    public const int MaxBytes = 16 << 20;

    /// <summary>Pictures of one key that are kept.</summary>
    public const int MostOfOneKey = 500;

    /// <summary>Pictures that one command or schedule may name.</summary>
    public const int MostNamed = 16;

    private const string Planes = "picture";
    private static readonly TimeSpan DecodeTime = TimeSpan.FromSeconds(30);

    // One that is put in its place is not taken for what a crash left there, nor for one that has expired.
    private readonly Lock _placing = new();

    /// <summary>Takes a picture in; the same one again has the same id. Nothing of the file itself is kept.</summary>
    /// <exception cref="RequestRefusedException">413 too large, 415 not a picture, 429 or 503 too many at a time.</exception>
    public async Task<PictureView> TakeAsync(string owner, Stream body, CancellationToken cancel)
    {
        using var place = places.Enter(owner);
        Expire();
        if (folders.CountOf(folders.Pictures, owner) >= MostOfOneKey)
            throw new RequestRefusedException(StatusCodes.Status413PayloadTooLarge,
                $"You have {MostOfOneKey} pictures. Delete some, or wait until they expire.");
        if (folders.Refuse(MaxBytes) is { } full)
            throw new RequestRefusedException(full.Status, full.Words);
        using var room = folders.Reserve(owner, MaxBytes) ?? throw new RequestRefusedException(
            StatusCodes.Status413PayloadTooLarge,
            $"Your files fill {folders.UsedBy(owner) >> 20} of {options.ClipDiskMb} MB. Delete some, or wait until they expire.");
        // Under an id of its own until it is whole, so that it expires with the others where a crash leaves it.
        var coming = Path.Combine(folders.Pictures, ClipQueue.NewId());
        try
        {
            ClipFolders.Own(coming, owner);
            var sent = Path.Combine(coming, "sent");
            await ReceiveAsync(body, sent, cancel).ConfigureAwait(false);
            var picture = await DecodeAsync(sent, owner, cancel).ConfigureAwait(false);
            File.Delete(sent);
            await File.WriteAllBytesAsync(Path.Combine(coming, Planes), picture.Bytes, cancel).ConfigureAwait(false);
            lock (_placing)
                Place(coming, owner, picture.Id);
            return new PictureView(picture.Id, picture.Width, picture.Height, time.GetUtcNow() + TimeSpan.FromHours(options.ClipKeepHours));
        }
        finally
        {
            ClipFolders.Remove(coming);
        }
    }

    /// <summary>
    /// The pictures of a key that values name, those of a model without such parameters none; what is named is kept longer.
    /// </summary>
    public IReadOnlyList<ReferencePicture> Named(string owner, IReadOnlyList<ModelParameter> declared, IEnumerable<string> texts) =>
        declared.All(p => p.Kind != ParameterKind.Image) ? []
            : [.. texts.SelectMany(t => Ids().Matches(t)).Select(m => m.Value).Distinct().Take(MostNamed).Select(id => Find(owner, id))
                .OfType<ReferencePicture>()];

    /// <summary>Deletes a picture; false when there is none of this key.</summary>
    public bool Delete(string owner, string id)
    {
        if (!ClipFolders.IsId(id) || ClipFolders.OwnerOf(FolderOf(id)) != owner)
            return false;
        ClipFolders.Remove(FolderOf(id));
        return true;
    }

    /// <summary>Deletes what was not named for as long as uploads are kept.</summary>
    public void Expire()
    {
        if (!Directory.Exists(folders.Pictures))
            return;
        var limit = (time.GetUtcNow() - TimeSpan.FromHours(options.ClipKeepHours)).UtcDateTime;
        lock (_placing)
        {
            foreach (var folder in Directory.EnumerateDirectories(folders.Pictures).Where(f => Directory.GetLastWriteTimeUtc(f) < limit))
                ClipFolders.Remove(folder);
        }
    }

    private void Place(string coming, string owner, string id)
    {
        if (Find(owner, id) is not null)
            return;
        ClipFolders.Remove(FolderOf(id));
        try
        {
            Directory.Move(coming, FolderOf(id));
        }
        catch (IOException) when (Find(owner, id) is not null)
        {
            // The same picture came to another server with this folder.
        }
    }

    private ReferencePicture? Find(string owner, string id)
    {
        if (!ClipFolders.IsId(id) || ClipFolders.OwnerOf(FolderOf(id)) != owner)
            return null;
        try
        {
            var picture = ReferencePicture.Read(id, File.ReadAllBytes(Path.Combine(FolderOf(id), Planes)));
            Directory.SetLastWriteTimeUtc(FolderOf(id), time.GetUtcNow().UtcDateTime);
            return picture;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private string FolderOf(string id) => Path.Combine(folders.Pictures, id);

    private static async Task ReceiveAsync(Stream body, string path, CancellationToken cancel)
    {
        await using var file = new FileStream(path, FileMode.CreateNew);
        var buffer = new byte[81920];
        int read;
        while ((read = await body.ReadAsync(buffer, cancel).ConfigureAwait(false)) > 0)
        {
            if (file.Length + read > MaxBytes)
                throw new RequestRefusedException(StatusCodes.Status413PayloadTooLarge,
                    $"The picture is larger than {MaxBytes >> 20} MB. Make it smaller: {ReferencePicture.MaxSide} pixels a side are used.");
            await file.WriteAsync(buffer.AsMemory(0, read), cancel).ConfigureAwait(false);
        }
    }

    private async Task<ReferencePicture> DecodeAsync(string path, string owner, CancellationToken cancel)
    {
        using var late = new CancellationTokenSource(DecodeTime, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        try
        {
            using (await places.TurnAsync(limit.Token).ConfigureAwait(false))
            using (var frame = await PictureFile.ReadAsync(path, ReferencePicture.MaxSide, new FramePool("reference picture", 1),
                limit.Token).ConfigureAwait(false))
                return ReferencePicture.Of(frame, owner);
        }
        catch (MediaFileException wrong)
        {
            throw new RequestRefusedException(StatusCodes.Status415UnsupportedMediaType, wrong.Message);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new RequestRefusedException(StatusCodes.Status415UnsupportedMediaType,
                $"The picture could not be read within {DecodeTime.TotalSeconds:0} s.");
        }
    }

    [GeneratedRegex("[0-9a-f]{32}")]
    private static partial Regex Ids();
}
