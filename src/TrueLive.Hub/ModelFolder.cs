using System.Runtime.InteropServices;
using TrueLive.Hub.Layouts;
using TrueLive.Hub.Repositories;
using TrueLive.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;

namespace TrueLive.Hub;

/// <summary>
/// Makes model folders: of what was pulled, or of a folder that somebody exported. One appears under its name only when it runs.
/// </summary>
public static partial class ModelFolder
{
    private const int MaxDepth = 12;
    private const int MaxFiles = 20_000;

    /// <summary>Makes the folder of a pulled model. Contents are shared with the cache where the file system can do so.</summary>
    /// <param name="plan">What was pulled.</param>
    /// <param name="places">Where each file's content lies.</param>
    /// <param name="place">Where pulled models lie; nothing else may write there.</param>
    /// <param name="time">Clock.</param>
    /// <returns>The new folder.</returns>
    /// <exception cref="HubException">The short name is taken by another repository.</exception>
    /// <exception cref="ModelException">The model does not run here; the message says why.</exception>
    public static string Install(PullPlan plan, IReadOnlyDictionary<PlannedFile, string> places, string place, TimeProvider time)
    {
        RequireFree(plan, place);
        var files = plan.Files.Where(f => f.File.Path != OwnManifest.FileName).ToList();
        return Make(place, plan.Id, ModelTrust.Pulled, time, partial =>
        {
            foreach (var file in files)
                Share(places[file], Path.Combine(partial, plan.Layout.PlaceOf(file.File.Path)));
            new PulledRecord(plan.Repository.ToString(), plan.Commit, plan.Licence,
                [.. files.Select(f => new PulledFile(plan.Layout.PlaceOf(f.File.Path), f.File.Size, f.File.Hash.Hex))]).Write(partial);
            if (plan.Layout.HasManifest)
                OwnManifest.Copy(places[plan.Files.First(f => f.File.Path == OwnManifest.FileName)], partial, plan.Id);
            else
                ManifestDraft.Write(partial, Draft(plan), ModelTrust.Pulled);
        });
    }

    /// <summary>Refuses a short name that a pull of another repository has.</summary>
    /// <exception cref="HubException">It is taken.</exception>
    public static void RequireFree(PullPlan plan, string place)
    {
        var there = Path.Combine(place, plan.Id);
        if (!Directory.Exists(there))
            return;
        var from = "an unknown place";
        try
        {
            from = PulledRecord.Read(there).Repository;
        }
        catch (ModelException)
        {
            // What is broken there is replaced by what is pulled again under the same name.
            return;
        }
        if (from.Split('@')[0] != plan.Repository.Id)
            throw new HubException($"'{plan.Id}' is already the model of {from}. Choose another short name with --id, or delete {there}.");
    }

    /// <summary>Makes a model of a folder in the layout of a repository, as exporters write it.</summary>
    /// <param name="folder">The folder; in a hub's cache its files may be links to their contents.</param>
    /// <param name="network">The ONNX file, in a folder with several.</param>
    /// <param name="id">Short name for the model; null makes one of the folder's name.</param>
    /// <param name="place">The user's models folder.</param>
    /// <param name="time">Clock.</param>
    /// <returns>The new folder.</returns>
    /// <exception cref="HubException">It holds no model, or the short name is taken.</exception>
    /// <exception cref="ModelException">The model does not run here; the message says why.</exception>
    public static string Import(string folder, string? network, string? id, string place, TimeProvider time)
    {
        folder = Path.GetFullPath(folder);
        if (File.Exists(Path.Combine(folder, OwnManifest.FileName)))
            throw new HubException($"{folder} has a manifest.json. Use: truelive models add {folder}");
        var options = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0, MaxRecursionDepth = MaxDepth };
        var names = Directory.EnumerateFiles(folder, "*", options).Select(f => Path.GetRelativePath(folder, f))
            .Where(RepositoryPath.IsPlain).Take(MaxFiles + 1).ToList();
        if (names.Count > MaxFiles)
            throw new HubException($"{folder} has more than {MaxFiles} files: name the folder of the model itself.");
        var layout = RepositoryLayout.Choose(names, network, folder);
        id ??= ModelPull.IdOf(Path.GetFileName(folder));
        if (Directory.Exists(Path.Combine(place, id)))
            throw new HubException($"{Path.Combine(place, id)} exists. Choose another short name with --id, or delete it.");
        return Make(place, id, ModelTrust.Given, time, partial =>
        {
            foreach (var name in layout.Files)
                Copy(Content(folder, name), Path.Combine(partial, layout.PlaceOf(name)));
            ManifestDraft.Write(partial, new ModelDraft(id, "1", Path.GetFileName(folder), $"Imported from {Path.GetFileName(folder)}.",
                "not stated")
            { Network = Placed(layout) }, ModelTrust.Given);
        });
    }

    private static ModelDraft Draft(PullPlan plan) => new(
        plan.Id, plan.Commit[..12], Short(plan.Known?.Title ?? plan.Repository.Id[(plan.Repository.Id.IndexOf('/') + 1)..]),
            $"From {plan.Repository.Id}; the manifest was derived.",
        plan.Licence.Length > 0 ? plan.Licence : "not stated")
    {
        Network = Placed(plan.Layout),
        Steps = plan.Known?.Steps,
        LatentScale = plan.Known?.LatentScale,
    };

    private static string? Placed(RepositoryLayout layout) => layout.Network is { } network ? layout.PlaceOf(network) : null;

    private static string Short(string title) => title.Length > 100 ? title[..100] : title;

    private static string Make(string place, string id, ModelTrust trust, TimeProvider time, Action<string> fill)
    {
        var (partial, to) = (Path.Combine(place, "." + id + ".partial"), Path.Combine(place, id));
        if (!Directory.Exists(place))
            Directory.CreateDirectory(place, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (Directory.Exists(partial))
            Directory.Delete(partial, true);
        try
        {
            Directory.CreateDirectory(partial);
            fill(partial);
            // Loading runs a step, so a model that appears is known to work.
            ModelLoader.Load(ModelManifest.Load(partial, trust), 1, time).Dispose();
            if (Directory.Exists(to))
                Directory.Delete(to, true);
            Directory.Move(partial, to);
            return to;
        }
        finally
        {
            if (Directory.Exists(partial))
                Directory.Delete(partial, true);
        }
    }

    // A link is followed only in a hub's cache, from a snapshot to a content of the same repository.
    private static string Content(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        for (var above = Path.GetDirectoryName(path)!; above.Length > folder.Length; above = Path.GetDirectoryName(above)!)
        {
            if (new DirectoryInfo(above).LinkTarget is not null)
                throw new HubException($"{above} is a link. Put the folder itself into {folder}.");
        }
        if (new FileInfo(path).LinkTarget is not { } target)
            return path;
        var content = Path.GetFullPath(target, Path.GetDirectoryName(path)!);
        var repository = Path.GetDirectoryName(Path.GetDirectoryName(folder));
        return repository is not null && Path.GetDirectoryName(content) == Path.Combine(repository, "blobs")
            && FileHash.IsHash(Path.GetFileName(content)) && new FileInfo(content).LinkTarget is null
            ? content : throw new HubException($"{path} is a link to {target}. Put the file itself into the folder.");
    }

    private static void Share(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        // Another file system, or one without links, or another user's cache.
        if (HardLink(from, to) != 0)
            File.Copy(from, to);
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        File.Copy(from, to);
    }

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int HardLink(string from, string to);
}
