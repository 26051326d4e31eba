using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using TrueLive.Clips;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Resources;

/// <summary>
/// The folders of uploads, work, results and journals, and how much of the disk each key uses. Each item is a folder named by its
/// unguessable id. The disk is the only record of them, so nothing can disagree with it. Several servers may share them: what one makes
/// for a job lies in a folder named by its lease, so that one that lost the lease without knowing cannot write into another's files.
/// </summary>
internal sealed class ClipFolders(ServerOptions options)
{
    // The least that a file or folder takes on common file systems.
    private const long Block = 4096;
    private const int MaxKnown = 100_000;
    private const string OwnerFile = "owner", Source = "source", Parts = "parts";

    private readonly ConcurrentDictionary<string, long> _reserved = new();
    private readonly ConcurrentDictionary<string, string> _owners = new();

    private readonly DataDisk _disk = new(options.ClipsPath);
    private long _timesMisplaced;

    public string Root { get; } = options.ClipsPath;

    public string Database => Path.Combine(Root, "queue.sqlite");

    /// <summary>
    /// The id that <see cref="FilesId"/> must hold; null while the database has not told it, empty where it has none and the folder is
    /// another queue's. Only a shared folder needs one.
    /// </summary>
    public string? ExpectedId { get; set; }

    /// <summary>The id of the folder itself, which an empty mount point or the folder of another queue does not have.</summary>
    public string? FilesId
    {
        get
        {
            try
            {
                return File.ReadAllText(IdPath);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <summary>Gives the folder an id; null where it has one already.</summary>
    public string? Name()
    {
        var id = ClipQueue.NewId();
        PrivateFiles.Make(IdPath, Encoding.ASCII.GetBytes(id));
        return FilesId == id ? id : null;
    }

    /// <summary>The shortage; null when the folders can be written to and are those of this queue.</summary>
    public Shortage? Look() => Misplaced ?? _disk.Look();

    /// <summary>The shortage for a file of this length; null when it fits.</summary>
    public Shortage? Refuse(long bytes) => Misplaced ?? _disk.Refuse(bytes);

    /// <summary>The shortage when the folders are not those of this queue; null when they are.</summary>
    public Shortage? Misplaced
    {
        get
        {
            if (options.ClipStore.Length == 0)
                return null;
            if (ExpectedId is null)
                return Shortage.DatabaseGone;
            if (ExpectedId.Length > 0 && FilesId == ExpectedId)
                return null;
            Interlocked.Increment(ref _timesMisplaced);
            return Shortage.OtherFiles;
        }
    }

    /// <summary>How often it was seen that the folders are not those of this queue.</summary>
    public long TimesMisplaced => Interlocked.Read(ref _timesMisplaced);

    /// <summary>As <see cref="Misplaced"/>, also where they are those of this queue again but <see cref="TimesMisplaced"/> grew.</summary>
    public Shortage? MisplacedSince(long times) => Misplaced ?? (TimesMisplaced > times ? Shortage.OtherFiles : null);

    /// <summary>Throws the shortage when the folders are not those of this queue.</summary>
    public void RefuseMisplaced()
    {
        if (Misplaced is { } lacking)
            throw new ShortageException(lacking);
    }

    private string IdPath => Path.Combine(Root, "queue-id");

    private string Work => Path.Combine(Root, "work");

    private string Results => Path.Combine(Root, "results");

    public string Uploads => Path.Combine(Root, "uploads");

    public string Journals => Path.Combine(Root, "journals");

    public string Pictures => Path.Combine(Root, "pictures");

    public string Webhooks => Path.Combine(Root, "webhooks");

    public string WorkOf(string job) => Path.Combine(Work, job);

    /// <summary>Where a job's source is fetched to, under the name that its address gives it.</summary>
    public string FetchedOf(ClipJob claimed) => Path.Combine(AttemptOf(claimed), Source);

    /// <summary>Folders of a job's sources that were fetched under earlier leases.</summary>
    public IReadOnlyList<string> FetchedBefore(ClipJob claimed) => Earlier(claimed, Source);

    /// <summary>Folder of a job's finished parts.</summary>
    public string PartsOf(ClipJob claimed) => Path.Combine(AttemptOf(claimed), Parts);

    /// <summary>Folders of a job's parts that were finished under earlier leases.</summary>
    public IReadOnlyList<string> PartsBefore(ClipJob claimed) => Earlier(claimed, Parts);

    /// <summary>File of a result.</summary>
    /// <param name="job">Id of the job.</param>
    /// <param name="lease">Lease under which it was made; null for a job of a release that had one result folder a job.</param>
    /// <param name="ending">Ending of its name.</param>
    public string ResultOf(string job, string? lease, string ending) => Path.Combine(Results, job, lease ?? "", "clip" + ending);

    /// <summary>Makes the folders for working on a job.</summary>
    public void Begin(ClipJob claimed)
    {
        Own(WorkOf(claimed.Id), claimed.Owner);
        Own(Path.Combine(Results, claimed.Id), claimed.Owner);
        PrivateFiles.MakeFolder(AttemptOf(claimed));
        PrivateFiles.MakeFolder(Path.Combine(Results, claimed.Id, claimed.Lease!));
    }

    /// <summary>Removes what was made under one lease.</summary>
    public void RemoveAttempt(ClipJob claimed)
    {
        RemoveResult(claimed);
        Remove(AttemptOf(claimed));
        foreach (var job in new[] { Path.Combine(Results, claimed.Id), WorkOf(claimed.Id) })
            RemoveEmpty(new DirectoryInfo(job), claimed.Owner);
    }

    /// <summary>Removes the result of a lease that was lost; the next server may still need the parts.</summary>
    public void RemoveResult(ClipJob claimed) => Remove(Path.Combine(Results, claimed.Id, claimed.Lease!));

    /// <summary>Removes all files of a job that is done, but for its result.</summary>
    public void KeepResult(string job, string? lease)
    {
        Remove(WorkOf(job));
        var results = new DirectoryInfo(Path.Combine(Results, job));
        if (lease is null || !results.Exists)
            return;
        foreach (var other in results.GetDirectories().Where(d => d.Name != lease))
            Remove(other.FullName);
    }

    private static void RemoveEmpty(DirectoryInfo job, string known)
    {
        if (!job.Exists || job.GetFileSystemInfos() is not [{ Name: OwnerFile } owner])
            return;
        try
        {
            owner.Delete();
            job.Delete();
        }
        catch (IOException)
        {
            // Another server has just begun to work in it, and its files need an owner.
            Own(job.FullName, known);
        }
    }

    private string AttemptOf(ClipJob claimed) => Path.Combine(WorkOf(claimed.Id), claimed.Lease!);

    // A server that was stopped for long may look for them when its own lease is an earlier one: then later ones are its successors'. A
    // release that had one work folder a job left its files directly in it.
    private IReadOnlyList<string> Earlier(ClipJob claimed, string name) => !Directory.Exists(WorkOf(claimed.Id)) ? []
        : [.. Directory.EnumerateDirectories(WorkOf(claimed.Id))
            .Where(d => NumberOf(Path.GetFileName(d)) is { } number && number < NumberOf(claimed.Lease!)).Append(WorkOf(claimed.Id))
            .Select(d => Path.Combine(d, name)).Where(Directory.Exists)];

    private static long? NumberOf(string lease) =>
        lease.Split('-') is [var number, _] && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : null;

    /// <summary>Ids come from clients: only what <see cref="ClipQueue.NewId"/> makes is ever used in a path.</summary>
    public static bool IsId(string? id) => id is { Length: 32 } && id.All(char.IsAsciiHexDigitLower);

    /// <summary>Bytes that a folder and its files take on the disk; files may be renamed or deleted while they are counted.</summary>
    public static long BytesIn(string folder)
    {
        var bytes = Block;
        try
        {
            foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories))
                bytes += LengthOf(file);
        }
        catch (DirectoryNotFoundException)
        {
            return 0;
        }
        return bytes;

        static long LengthOf(FileInfo file)
        {
            try
            {
                return (file.Length + Block - 1) / Block * Block;
            }
            catch (FileNotFoundException)
            {
                return 0;
            }
        }
    }

    public static void Remove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
        }
    }

    public void RemoveJob(string job)
    {
        Remove(WorkOf(job));
        Remove(Path.Combine(Results, job));
    }

    /// <summary>All jobs that have files here.</summary>
    public IReadOnlyList<string> JobsOnDisk() =>
        [.. new[] { Work, Results }.Where(Directory.Exists).SelectMany(Directory.EnumerateDirectories).Select(d => Path.GetFileName(d)!)
        .Where(IsId).Distinct()];

    /// <summary>Creates a folder and records its owner.</summary>
    public static void Own(string folder, string owner)
    {
        PrivateFiles.MakeFolder(folder);
        File.WriteAllText(Path.Combine(folder, OwnerFile), owner);
    }

    /// <summary>The owner of a folder; null when there is no such folder.</summary>
    public static string? OwnerOf(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, OwnerFile));
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Bytes on disk that belong to a key, including those reserved for incoming files.</summary>
    public long UsedBy(string owner) => _reserved.GetValueOrDefault(owner) + new[] { Uploads, Pictures, Journals, Work, Results }
        .Where(Directory.Exists).SelectMany(Directory.EnumerateDirectories).Where(d => KnownOwnerOf(d) == owner).Sum(BytesIn);

    /// <summary>Number of items in a folder, such as <see cref="Uploads"/>, that belong to a key.</summary>
    public int CountOf(string all, string owner) =>
        Directory.Exists(all) ? Directory.EnumerateDirectories(all).Count(d => KnownOwnerOf(d) == owner) : 0;

    // A folder's owner never changes and its name is never reused, so the owner can be cached.
    private string? KnownOwnerOf(string folder)
    {
        if (_owners.TryGetValue(folder, out var known))
            return known;
        if (_owners.Count >= MaxKnown)
            _owners.Clear();
        return OwnerOf(folder) is { Length: > 0 } owner ? _owners.GetOrAdd(folder, owner) : null;
    }

    /// <summary>
    /// Bytes that all parts of a job may take, those of earlier leases included: half of what its owner has, because the parts stay beside
    /// the result until that is complete.
    /// </summary>
    public long MostPartsOf(ClipJob claimed) =>
        Math.Max(1 << 20, (LeftFor(claimed.Owner) + PartsBefore(claimed).Append(PartsOf(claimed)).Sum(BytesIn)) / 2);

    /// <summary>Bytes that a key may still fill.</summary>
    public long LeftFor(string owner) => ((long)options.ClipDiskMb << 20) - UsedBy(owner);

    /// <summary>Reserves room for incoming bytes until the result is disposed. Null when there is no room for them.</summary>
    public IDisposable? Reserve(string owner, long bytes)
    {
        _reserved.AddOrUpdate(owner, bytes, (_, now) => now + bytes);
        var reservation = new Reservation(this, owner, bytes);
        if (LeftFor(owner) >= 0)
            return reservation;
        reservation.Dispose();
        return null;
    }

    private sealed class Reservation(ClipFolders folders, string owner, long bytes) : IDisposable
    {
        private int _gone;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _gone, 1) == 0)
                folders._reserved.AddOrUpdate(owner, 0, (_, now) => now - bytes);
        }
    }
}
