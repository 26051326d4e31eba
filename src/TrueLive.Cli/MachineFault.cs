using System.ComponentModel;
using System.Net.Sockets;
using TrueLive.Media.Files;

namespace TrueLive.Cli;

/// <summary>Recognises unexpected errors that come from a shortage of the machine, which are reported without a stack trace.</summary>
internal static class MachineFault
{
    private const int NoMemory = 12, TryAgain = 11, FileTableFull = 23, TooManyFiles = 24, NoSpace = 28, ReadOnly = 30, OverQuota = 122;

    /// <summary>A message that says what to change; null if the error has another cause.</summary>
    public static string? Of(Exception error)
    {
        for (var at = error; at is not null; at = at.InnerException)
        {
            var found = at switch
            {
                OutOfMemoryException => OfErrno(NoMemory),
                SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse or SocketError.AddressNotAvailable } =>
                    "This machine has no free port left. End programs that hold many connections, or allow more ports (sysctl " +
                        "net.ipv4.ip_local_port_range).",
                SocketException { SocketErrorCode: SocketError.TooManyOpenSockets } => OfErrno(TooManyFiles),
                Win32Exception system => OfErrno(system.NativeErrorCode),
                IOException io => OfErrno(io.HResult),
                UnauthorizedAccessException or MediaException => at.Message,
                _ => null,
            };
            if (found is not null)
                return found;
        }
        return null;
    }

    private static string? OfErrno(int errno) => errno switch
    {
        NoMemory or TryAgain =>
            "This machine has too little memory or too few threads for this. Choose a smaller size, or allow more (ulimit -u, the limits " +
            "of the container).",
        TooManyFiles or FileTableFull => "No more files can be opened. Allow more (ulimit -n), or end what holds them.",
        NoSpace or OverQuota => "The disk is full. Make room and start again.",
        ReadOnly => "The disk is read-only. Choose another folder.",
        _ => null,
    };
}
