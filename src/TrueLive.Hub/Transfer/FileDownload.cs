using TrueLive.Hub.Cache;
using TrueLive.Hub.Repositories;

namespace TrueLive.Hub.Transfer;

/// <summary>
/// Brings one file into the cache: goes on where an earlier try ended, never writes more than was announced, and takes nothing whose checksum
/// differs.
/// </summary>
/// <param name="client">Asks the hub.</param>
/// <param name="cache">Where it goes.</param>
/// <param name="time">Clock of pauses and limits.</param>
internal sealed class FileDownload(HubClient client, HubCache cache, TimeProvider time)
{
    private static readonly TimeSpan LockInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>Brings it, unless it is there.</summary>
    /// <param name="repository">Whose file it is.</param>
    /// <param name="commit">Of which commit.</param>
    /// <param name="file">The file.</param>
    /// <param name="progress">Told how many of its bytes are here; all of them once, when it is whole and right.</param>
    /// <param name="cancel">Ends it; what is here is kept for the next time.</param>
    /// <exception cref="HubException">It cannot be had, or is not what the hub announced.</exception>
    public async Task RunAsync(RepositoryName repository, string commit, HubFile file, IProgress<long> progress, CancellationToken cancel)
    {
        var blob = cache.Blob(repository, file.Hash);
        // Before anything is written: a cache that is complete may be read-only.
        if (!await IsWholeAsync(blob, file, cancel).ConfigureAwait(false))
        {
            using var held = await HoldAsync(cache.Lock(repository, file.Hash), cancel).ConfigureAwait(false);
            Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
            if (!await IsWholeAsync(blob, file, cancel).ConfigureAwait(false))
                await FetchAsync(repository, commit, file, blob, progress, cancel).ConfigureAwait(false);
        }
        progress.Report(file.Size);
    }

    private static async Task<bool> IsWholeAsync(string path, HubFile file, CancellationToken cancel) =>
        new FileInfo(path) is { Exists: true, LinkTarget: null } there && there.Length == file.Size && await file.Hash.MatchesAsync(path, cancel).ConfigureAwait(false);

    private async Task FetchAsync(RepositoryName repository, string commit, HubFile file, string blob, IProgress<long> progress, CancellationToken cancel)
    {
        var partial = blob + ".incomplete";
        // A link there would have us write somewhere else.
        if (new FileInfo(partial) is { LinkTarget: not null } link)
            link.Delete();
        var content = new ResumedFile(file.Path, file.Size, (from, stop) => client.OpenAsync(repository, commit, file, from, stop), client.Unreachable, time);
        // What is left of an earlier try may be of another content: then it is fetched once from its beginning.
        for (var resumed = Length(partial) > 0; ; resumed = false)
        {
            await content.CompleteAsync(partial, progress, cancel).ConfigureAwait(false);
            if (await IsWholeAsync(partial, file, cancel).ConfigureAwait(false))
                break;
            File.Delete(partial);
            if (!resumed)
                throw new HubException($"{file.Path} of {repository} has the announced size, but not the checksum {file.Hash.Hex[..12]}... that the hub names: it was damaged on the way, or replaced. It was deleted; run the command again.");
        }
        File.Move(partial, blob, overwrite: true);
    }

    // The same lock that other programs take (flock).
    private async Task<FileStream> HoldAsync(string path, CancellationToken cancel)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                // Another program downloads the same content.
                await Task.Delay(LockInterval, time, cancel).ConfigureAwait(false);
            }
        }
    }

    private static long Length(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;
}
