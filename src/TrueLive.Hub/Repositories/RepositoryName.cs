using System.Text.RegularExpressions;

namespace TrueLive.Hub.Repositories;

/// <summary>A repository of a hub at a revision: <c>org/name</c> or <c>org/name@revision</c>.</summary>
/// <param name="Id"><c>org/name</c>.</param>
/// <param name="Revision">A branch, a tag, <c>refs/pr/11</c> or a commit.</param>
public sealed partial record RepositoryName(string Id, string Revision)
{
    /// <summary>Reads it; null when it is none.</summary>
    public static RepositoryName? TryParse(string text)
    {
        var (id, revision) = text.IndexOf('@', StringComparison.Ordinal) is >= 0 and var at ? (text[..at], text[(at + 1)..])
            : (text, "main");
        return IdPattern().IsMatch(id) && !id.Contains("--", StringComparison.Ordinal) && !id.Contains("..", StringComparison.Ordinal)
            && RevisionPattern().IsMatch(revision) && RepositoryPath.IsPlain(revision) ? new RepositoryName(id, revision) : null;
    }

    /// <summary>The revision is a commit, which never changes.</summary>
    internal bool IsCommit => FileHash.IsCommit(Revision);

    /// <inheritdoc/>
    public override string ToString() => Revision == "main" ? Id : $"{Id}@{Revision}";

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$")]
    private static partial Regex IdPattern();

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$")]
    private static partial Regex RevisionPattern();
}
