namespace TrueLive.Models.Tests;

internal static class Repository
{
    public static string Root { get; } = Find();

    public static string LiveTiny => Path.Combine(Root, "models", "live-tiny");

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "TrueLive.slnx")))
                return folder.FullName;
        }
        throw new InvalidOperationException("The tests run inside the repository.");
    }
}
