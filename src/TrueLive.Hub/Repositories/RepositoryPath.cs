namespace TrueLive.Hub.Repositories;

/// <summary>Names of files that a hub gives.</summary>
internal static class RepositoryPath
{
    private const int MaxLength = 400;
    private const int MaxName = 200;
    private const int MaxDepth = 12;

    /// <summary>It names a file below the folder that it is put into, on any file system, and nothing else.</summary>
    public static bool IsPlain(string path)
    {
        if (path.Length is 0 or > MaxLength)
            return false;
        var names = path.Split('/');
        return names.Length <= MaxDepth && names.All(n => n.Length is > 0 and <= MaxName && n is not ("." or "..")
            && !n.Any(c => c is '\\' or ':' || char.IsControl(c)));
    }
}
