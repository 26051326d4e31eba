using TrueLive.Hub.Repositories;

namespace TrueLive.Hub.Cache;

/// <summary>
/// The cache that all programs of a hub share: contents in <c>blobs</c> under their hash, for each commit a folder in <c>snapshots</c> with
/// links to them, and in <c>refs</c> the commit of each branch.
/// </summary>
internal sealed class HubCache(string folder)
{
    private const int MaxDepth = 12;

    /// <summary>Where it lies.</summary>
    public string Folder => folder;

    /// <summary>Where a content lies, whether it is there or not.</summary>
    public string Blob(RepositoryName repository, FileHash hash) => Path.Combine(Place(repository), "blobs", hash.Hex);

    /// <summary>Held while a content is written, by us and by other programs.</summary>
    public string Lock(RepositoryName repository, FileHash hash) =>
        Path.Combine(folder, ".locks", Path.GetFileName(Place(repository)), hash.Hex + ".lock");

    /// <summary>Makes a file of a commit a link to its content, which is there.</summary>
    public void Link(RepositoryName repository, string commit, HubFile file)
    {
        var link = Path.Combine(Snapshot(repository, commit), file.Path);
        var to = Path.Combine(string.Concat(Enumerable.Repeat("../", file.Path.Count(c => c == '/') + 2)), "blobs", file.Hash.Hex);
        var there = new FileInfo(link);
        if (there.LinkTarget == to)
            return;
        Directory.CreateDirectory(there.DirectoryName!);
        there.Delete();
        there.CreateAsSymbolicLink(to);
    }

    /// <summary>Notes which commit a branch or tag stands for.</summary>
    public void Remember(RepositoryName repository, string commit)
    {
        if (repository.IsCommit || Remembered(repository) == commit)
            return;
        Directory.CreateDirectory(Path.GetDirectoryName(Reference(repository))!);
        File.WriteAllText(Reference(repository), commit);
    }

    /// <summary>What is here of a repository, without asking anybody.</summary>
    /// <exception cref="HubException">Nothing is.</exception>
    public RepositoryListing Listing(RepositoryName repository)
    {
        var commit = repository.IsCommit ? repository.Revision : Remembered(repository);
        if (!FileHash.IsCommit(commit) || !Directory.Exists(Snapshot(repository, commit!)))
            throw new HubException($"HF_HUB_OFFLINE is set, and {repository} is not in {folder}. Pull it once without HF_HUB_OFFLINE, or "
                + $"copy {Path.GetFileName(Place(repository))} from another machine's cache.");
        var snapshot = Snapshot(repository, commit!);
        var all = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0, MaxRecursionDepth = MaxDepth };
        var files = Directory.EnumerateFiles(snapshot, "*", all).Select(path =>
            Read(repository, Path.GetRelativePath(snapshot, path), path)).OfType<HubFile>();
        return new RepositoryListing(commit!, "", [.. files]);
    }

    // Null for what is no link to a content of the same repository.
    private HubFile? Read(RepositoryName repository, string name, string path)
    {
        if (new FileInfo(path).LinkTarget is not { } target || !RepositoryPath.IsPlain(name))
            return null;
        var hex = Path.GetFileName(target);
        if (!FileHash.IsHash(hex) || Path.GetFullPath(target, Path.GetDirectoryName(path)!) != Blob(repository, new FileHash(hex)))
            return null;
        var blob = new FileInfo(Blob(repository, new FileHash(hex)));
        return blob is { Exists: true, LinkTarget: null } ? new HubFile(name, blob.Length, new FileHash(hex)) : null;
    }

    private string? Remembered(RepositoryName repository) =>
        new FileInfo(Reference(repository)) is { Exists: true, Length: <= 100 } file ? File.ReadAllText(file.FullName).Trim() : null;

    private string Place(RepositoryName repository) => Path.Combine(folder, "models--"
        + repository.Id.Replace("/", "--", StringComparison.Ordinal));

    private string Snapshot(RepositoryName repository, string commit) => Path.Combine(Place(repository), "snapshots", commit);

    private string Reference(RepositoryName repository) => Path.Combine(Place(repository), "refs", repository.Revision);
}
