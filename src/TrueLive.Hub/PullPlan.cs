using TrueLive.Hub.Layouts;
using TrueLive.Hub.Repositories;

namespace TrueLive.Hub;

/// <summary>A file that a pull brings.</summary>
/// <param name="Repository">Where it is from.</param>
/// <param name="Commit">Of which commit.</param>
/// <param name="File">The file there.</param>
public sealed record PlannedFile(RepositoryName Repository, string Commit, HubFile File);

/// <summary>What a pull would bring: known before anything large is downloaded.</summary>
/// <param name="Id">Short name that the model gets.</param>
/// <param name="Repository">The repository.</param>
/// <param name="Licence">As its makers state it on the hub.</param>
/// <param name="Layout">What kind of model it is.</param>
/// <param name="Files">What is needed of it.</param>
/// <param name="Known">The entry of a model that was asked for by its short name.</param>
public sealed record PullPlan(
    string Id, RepositoryName Repository, string Licence, RepositoryLayout Layout, IReadOnlyList<PlannedFile> Files, KnownModel? Known)
{
    /// <summary>The commit of the repository.</summary>
    public string Commit => Files.First(f => f.Repository == Repository).Commit;

    /// <summary>Bytes of all files.</summary>
    public long Bytes => Files.Sum(f => f.File.Size);
}
