using System.Collections.Concurrent;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Resources;

/// <summary>
/// The folders of uploads, work, results and journals, and how much of the disk each key uses. Each item is a folder named by its
/// unguessable id. The disk is the only record of them, so nothing can disagree with it.
/// </summary>
internal sealed class ClipFolders(ServerOptions options)
{
    // The least that a file or folder takes on common file systems.
    private const long Block = 4096;
    private const int MaxKnown = 100_000;

    private readonly ConcurrentDictionary<string, long> _reserved = new();
    private readonly ConcurrentDictionary<string, string> _owners = new();

    /// <summary>The disk that they are on.</summary>
    public DataDisk Disk { get; } = new(Path.Combine(options.DataPath, "clips"));

    public string Root { get; } = Path.Combine(options.DataPath, "clips");

    public string Database => Path.Combine(Root, "queue.sqlite");

    private string Work => Path.Combine(Root, "work");

    private string Results => Path.Combine(Root, "results");

    public string Uploads => Path.Combine(Root, "uploads");

    public string Journals => Path.Combine(Root, "journals");

    public string Pictures => Path.Combine(Root, "pictures");

    public string Webhooks => Path.Combine(Root, "webhooks");

    public string WorkOf(string job) => Path.Combine(Work, job);

    /// <summary>Where a job's source is fetched to, under the name that its address gives it.</summary>
    public string FetchedOf(string job) => Path.Combine(WorkOf(job), "source");

    /// <summary>Folder of a job's finished parts.</summary>
    public string PartsOf(string job) => Path.Combine(WorkOf(job), "parts");

    public string ResultOf(string job, string ending) => Path.Combine(Results, job, "clip" + ending);

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
        File.WriteAllText(Path.Combine(folder, "owner"), owner);
    }

    /// <summary>The owner of a folder; null when there is no such folder.</summary>
    public static string? OwnerOf(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "owner"));
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
