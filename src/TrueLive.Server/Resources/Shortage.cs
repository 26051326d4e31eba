using System.ComponentModel;
using System.Data.Common;
using System.Net.Sockets;
using TrueLive.Clips;
using TrueLive.Media.Files;

namespace TrueLive.Server.Resources;

/// <summary>What a machine can run out of.</summary>
internal enum Resource : byte
{
    Disk,
    Files,
    Database,
    Handles,
    Memory,
    Ffmpeg,
}

/// <summary>Something that the machine has run out of: not the client's fault, and over once there is some again.</summary>
/// <param name="Resource">The resource.</param>
/// <param name="Words">For people: what is short and what to do. No paths, no addresses.</param>
internal sealed record Shortage(Resource Resource, string Words)
{
    private const int NoMemory = 12, TryAgain = 11, FileTableFull = 23, TooManyFiles = 24, NoSpace = 28, ReadOnly = 30, OverQuota = 122,
        FailedIo = 5, NotConnected = 107, TimedOut = 110, HostDown = 112, StaleHandle = 116;

    public static readonly Shortage DiskFull = new(Resource.Disk,
        "The server's disk is full. Delete uploads, clips and journals that are not needed, or give it more room; it goes on by itself.");
    public static readonly Shortage DiskReadOnly = new(Resource.Disk,
        "The server cannot write to its data folder: the disk is read-only or the folder belongs to somebody else. It goes on by itself " +
        "once it can.");
    public static readonly Shortage FilesSilent = new(Resource.Files,
        "The disk with the server's files does not answer, or fails. If it is a network share, look at its server and its mount; it goes " +
        "on by itself.");
    public static readonly Shortage OtherFiles = new(Resource.Files,
        "The folder clip_store is not the one that belongs to the queue in clip_database: its file queue-id is missing or another. Is it " +
        "mounted, and is clip_database the right one? It goes on by itself once they are.");
    public static readonly Shortage DatabaseGone = new(
        Resource.Database, "The database of the clip queue does not answer. It goes on by itself once it does.");
    public static readonly Shortage OutOfHandles = new(Resource.Handles,
        "The server has as many files and connections open as the system lets it. Raise its limit (LimitNOFILE, ulimit -n), or try again " +
        "when others are done.");
    public static readonly Shortage OutOfMemory = new(Resource.Memory,
        "The server is out of memory or threads. Take a smaller size or a shorter part, or try again when others are done.");
    public static readonly Shortage NoFfmpeg = new(
        Resource.Ffmpeg, "ffmpeg or ffprobe is not installed any more. Install it with: apt-get install ffmpeg");

    public static readonly Shortage FfmpegEnded = new(Resource.Ffmpeg, "The system ended ffmpeg while it worked. Try again.");

    /// <summary>HTTP status of a request that fails for it.</summary>
    public int Status => Resource == Resource.Disk ? StatusCodes.Status507InsufficientStorage : StatusCodes.Status503ServiceUnavailable;

    /// <summary>The shortage that an error comes from; null for any other error.</summary>
    public static Shortage? Of(Exception error)
    {
        for (var at = error; at is not null; at = at.InnerException)
        {
            var found = at switch
            {
                ShortageException lacking => lacking.Lacking,
                DbException database => ClipDatabase.LacksDisk(database) ? DiskFull : DatabaseGone,
                MediaInterruptedException => FfmpegEnded,
                MediaMachineException { Errno: 0 } => NoFfmpeg,
                MediaMachineException machine => OfErrno(machine.Errno),
                Win32Exception and not SocketException => OfErrno(((Win32Exception)at).NativeErrorCode),
                SocketException { SocketErrorCode: SocketError.TooManyOpenSockets } => OutOfHandles,
                UnauthorizedAccessException => DiskReadOnly,
                OutOfMemoryException => OutOfMemory,
                IOException io => OfErrno(io.HResult),
                _ => null,
            };
            if (found is not null)
                return found;
        }
        return null;
    }

    private static Shortage? OfErrno(int errno) => errno switch
    {
        NoSpace or OverQuota => DiskFull,
        ReadOnly => DiskReadOnly,
        TooManyFiles or FileTableFull => OutOfHandles,
        NoMemory or TryAgain => OutOfMemory,
        FailedIo or NotConnected or TimedOut or HostDown or StaleHandle => FilesSilent,
        _ => null,
    };
}

/// <summary>A <see cref="Shortage"/> that was found before anything failed for it.</summary>
internal sealed class ShortageException(Shortage lacking) : IOException(lacking.Words)
{
    public Shortage Lacking => lacking;
}
