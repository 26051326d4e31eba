using TrueLive.Server.Configuration;

namespace TrueLive.Cli.Doctor;

/// <summary>Whether the data folder can be written to, and how much fits into it.</summary>
internal static class DiskChecks
{
    private const string Part = "disk";
    private const long Least = 256L << 20;

    public static IEnumerable<Finding> Run(ServerOptions options)
    {
        var folder = Path.GetFullPath(options.DataPath);
        if (Refusal(folder) is { } refusal)
        {
            yield return Finding.Wrong(Part, $"the data folder {folder} cannot be written to: {refusal}",
                "Give it to the user that runs the server (chown), mount it writable, make room, or name another with --data-folder.");
            yield break;
        }
        var free = new DriveInfo(Existing(folder)).AvailableFreeSpace;
        var says = $"{folder} is writable, {free >> 20} MB are free";
        var wanted = options.Clips ? Math.Max(Least, (long)options.ClipDiskMb << 20) : Least;
        if (free < Least)
            yield return Finding.Wrong(Part, $"only {free >> 20} MB are free in {folder}: uploads, clips and journals end with an error.",
                "Make room, or name another place with --data-folder.");
        else if (free < wanted)
            yield return Finding.Note(Part, says,
                $"One key alone may fill {options.ClipDiskMb} MB: make room, or lower --clip-disk-mb to what is there.");
        else
            yield return Finding.Right(Part, says);
    }

    // Writes a file as the server would, then removes everything that it created.
    private static string? Refusal(string folder)
    {
        var made = new Stack<string>();
        for (var missing = folder; !Directory.Exists(missing) && Path.GetDirectoryName(missing) is { } above; missing = above)
            made.Push(missing);
        var file = Path.Combine(folder, $".doctor-{Environment.ProcessId}");
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllBytes(file, new byte[1 << 16]);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
        finally
        {
            try
            {
                File.Delete(file);
                foreach (var own in made.Reverse().Where(Directory.Exists))
                    Directory.Delete(own);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another process is already writing there.
            }
        }
    }

    private static string Existing(string folder)
    {
        while (!Directory.Exists(folder) && Path.GetDirectoryName(folder) is { } above)
            folder = above;
        return folder;
    }
}
