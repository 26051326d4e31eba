using System.Text.RegularExpressions;
using TrueLive.Hub.Cache;
using TrueLive.Hub.Layouts;
using TrueLive.Hub.Repositories;
using TrueLive.Hub.Transfer;
using TrueLive.Models.Manifest;

namespace TrueLive.Hub;

/// <summary>Brings models from a hub: first a plan, which names size and licence, then its files into the cache.</summary>
public sealed partial class ModelPull : IDisposable
{
    private const int MaxTextBytes = 1 << 20;

    private readonly HubSettings _settings;
    private readonly HubCache _cache;
    private readonly HubClient _client;
    private readonly FileDownload _download;

    /// <summary>Brings models from the hub that the settings name.</summary>
    public ModelPull(HubSettings settings, TimeProvider time)
    {
        (_settings, _cache, _client) = (settings, new HubCache(settings.CacheFolder), new HubClient(settings, time));
        _download = new FileDownload(_client, _cache, time);
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    /// <summary>What a pull would bring. Asks the hub, and downloads nothing.</summary>
    /// <param name="source">A short name of <see cref="KnownModel"/>, or <c>org/name[@revision]</c>.</param>
    /// <param name="network">The ONNX file, in a repository with several.</param>
    /// <param name="id">Short name for the model; null makes one of the source.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <exception cref="HubException">There is no such model, or it cannot be used; the message says why.</exception>
    public async Task<PullPlan> PlanAsync(string source, string? network, string? id, CancellationToken cancel)
    {
        var known = KnownModel.Find(source);
        var repository = known?.Repository ?? RepositoryName.TryParse(source)
            ?? throw new HubException($"'{Text.Shown(source)}' is no folder, no org/name[@revision], and none of: "
            + $"{string.Join(", ", KnownModel.All.Select(m => m.Alias))}.");
        var listing = await ListAsync(repository, cancel).ConfigureAwait(false);
        var files = listing.Files.Where(f => known?.Autoencoder is null || !IsAutoencoder(f))
            .Select(f => new PlannedFile(repository, listing.Commit, f)).ToList();
        var licence = listing.Licence;
        if (known?.Autoencoder is { } other)
        {
            var there = await ListAsync(other, cancel).ConfigureAwait(false);
            files.AddRange(there.Files.Where(IsAutoencoder).Select(f => new PlannedFile(other, there.Commit, f)));
            licence = $"{licence}; {other.Id}: {there.Licence}";
        }
        string[] names = [.. files.Select(f => f.File.Path)];
        var layout = await OwnAsync(files, names, network, cancel).ConfigureAwait(false)
            ?? RepositoryLayout.Choose(names, network, repository.ToString());
        var needed = files.Where(f => layout.Files.Contains(f.File.Path)
            && (f.File.Size <= MaxTextBytes || !RepositoryLayout.IsText(f.File.Path))).ToList();
        return new PullPlan(id ?? known?.Alias ?? IdOf(repository.Id[(repository.Id.IndexOf('/') + 1)..]), repository, licence, layout,
            needed, known);
    }

    /// <summary>Brings the files of a plan that are not there yet.</summary>
    /// <param name="plan">The plan, whose licence was accepted.</param>
    /// <param name="progress">Told a file, and how many of its bytes are here.</param>
    /// <param name="cancel">Ends it; what is here is kept for the next time.</param>
    /// <returns>Where each file's content lies.</returns>
    /// <exception cref="HubException">A file cannot be had, or is not what the hub announced.</exception>
    public async Task<IReadOnlyDictionary<PlannedFile, string>> RunAsync(PullPlan plan,
        IProgress<(PlannedFile File, long Bytes)> progress, CancellationToken cancel)
    {
        var places = new Dictionary<PlannedFile, string>();
        foreach (var file in plan.Files)
        {
            await BringAsync(file, new Told(bytes => progress.Report((file, bytes))), cancel).ConfigureAwait(false);
            places.Add(file, _cache.Blob(file.Repository, file.File.Hash));
        }
        // Last: a branch that is noted here has all files that were asked for.
        foreach (var (repository, commit) in plan.Files.Select(f => (f.Repository, f.Commit)).Distinct())
        {
            if (!_settings.Offline)
                _cache.Remember(repository, commit);
        }
        return places;
    }

    /// <summary>Free space on the disk of the cache, in bytes; null when the system does not say.</summary>
    public long? FreeBytes()
    {
        for (var folder = _cache.Folder; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (Directory.Exists(folder))
                return new DriveInfo(folder).AvailableFreeSpace;
        }
        return null;
    }

    private async Task<RepositoryListing> ListAsync(RepositoryName repository, CancellationToken cancel) =>
        _settings.Offline ? _cache.Listing(repository) : await _client.ListAsync(repository, cancel).ConfigureAwait(false);

    // What a manifest of our own in the repository needs; it is small, and is looked at before anybody is asked.
    private async Task<RepositoryLayout?> OwnAsync(List<PlannedFile> files, string[] names, string? network, CancellationToken cancel)
    {
        if (network is not null || files.Find(f => f.File.Path == OwnManifest.FileName) is not { } own
            || own.File.Size > ModelManifest.MaxManifestBytes)
            return null;
        await BringAsync(own, new Told(_ => { }), cancel).ConfigureAwait(false);
        return OwnManifest.Layout(_cache.Blob(own.Repository, own.File.Hash), names, own.Repository.ToString());
    }

    private async Task BringAsync(PlannedFile file, IProgress<long> told, CancellationToken cancel)
    {
        if (_settings.Offline)
        {
            await RequireWholeAsync(file, cancel).ConfigureAwait(false);
            return;
        }
        await _download.RunAsync(file.Repository, file.Commit, file.File, told, cancel).ConfigureAwait(false);
        _cache.Link(file.Repository, file.Commit, file.File);
    }

    private async Task RequireWholeAsync(PlannedFile file, CancellationToken cancel)
    {
        if (!await file.File.Hash.MatchesAsync(_cache.Blob(file.Repository, file.File.Hash), cancel).ConfigureAwait(false))
            throw new HubException($"{file.File.Path} of {file.Repository} is damaged in {_cache.Folder}. Pull it again without "
                + "HF_HUB_OFFLINE.");
    }

    private static bool IsAutoencoder(HubFile file) =>
        file.Path.StartsWith("vae_encoder/", StringComparison.Ordinal) || file.Path.StartsWith("vae_decoder/", StringComparison.Ordinal);

    /// <summary>A short name made of a longer one.</summary>
    internal static string IdOf(string name)
    {
        var id = NotInIds().Replace(name.ToLowerInvariant(), "-").Trim('-');
        return id.Length is 0 or > 64 ? "pulled-model" : id;
    }

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex NotInIds();

    // At once and on this thread: Progress<T> would post it elsewhere.
    private sealed class Told(Action<long> tell) : IProgress<long>
    {
        public void Report(long value) => tell(value);
    }
}
