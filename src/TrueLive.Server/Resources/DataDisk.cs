namespace TrueLive.Server.Resources;

/// <summary>The disk under the data folder: how much is free, and whether it can be written to.</summary>
internal sealed class DataDisk(string folder)
{
    private const long Reserve = 64L << 20;

    // On a small disk a fixed reserve would take all of it.
    private const int ReserveShare = 50;

    // Servers on several machines may share the folder.
    private readonly string _trial = Path.Combine(folder, $".room-{Environment.MachineName}-{Environment.ProcessId}");
    private readonly byte[] _page = new byte[4096];

    /// <summary>
    /// The shortage; null when the disk can be written to and a reserve is free. A folder that does not exist yet is not written to.
    /// </summary>
    public Shortage? Look()
    {
        try
        {
            if (Directory.Exists(folder))
            {
                // Free bytes do not show quotas, inodes, or a disk that became read-only after an error.
                try
                {
                    File.WriteAllBytes(_trial, _page);
                }
                finally
                {
                    File.Delete(_trial);
                }
            }
            return Drive() is { IsReady: true } drive && drive.AvailableFreeSpace < Math.Min(Reserve, drive.TotalSize / ReserveShare)
                ? Shortage.DiskFull
                : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return Shortage.Of(error);
        }
    }

    /// <summary>The shortage for a file of this length; null when it fits.</summary>
    public Shortage? Refuse(long bytes) => Look() ?? (Drive() is { IsReady: true } drive && drive.AvailableFreeSpace < bytes
        ? Shortage.DiskFull with
        {
            Words = $"The file has {bytes >> 20} MB and the server's disk has {drive.AvailableFreeSpace >> 20} MB left. Delete " +
            "uploads, clips and journals that are not needed, or give it more room."
        } : null);

    private DriveInfo? Drive()
    {
        var there = folder;
        while (!Directory.Exists(there) && Path.GetDirectoryName(there) is { } parent)
            there = parent;
        return Directory.Exists(there) ? new DriveInfo(Path.GetFullPath(there)) : null;
    }
}
