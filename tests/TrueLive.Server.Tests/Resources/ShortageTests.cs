using System.ComponentModel;
using System.Net.Sockets;
using TrueLive.Media.Files;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Tests.Resources;

/// <summary>Recognises shortages by the errors of the system and its libraries.</summary>
public sealed class ShortageTests
{
    private const int NoMemory = 12, TooManyFiles = 24, NoSpace = 28, ReadOnly = 30;

    public static TheoryData<Exception, int, string> Errors => new()
    {
        { new MediaInterruptedException("ffmpeg was ended by signal 9."), 503, "Try again" },
        { new MediaMachineException("ffmpeg is not there.", 0), 503, "Install it" },
        { new MediaMachineException("ffmpeg could not be started.", NoMemory), 503, "out of memory" },
        { new MediaMachineException("The disk is full.", NoSpace), 507, "disk is full" },
        { new IOException("Read-only file system", ReadOnly), 507, "read-only" },
        { new Win32Exception(TooManyFiles), 503, "Raise its limit" },
        { new SocketException((int)SocketError.TooManyOpenSockets), 503, "Raise its limit" },
        { new InsufficientMemoryException(), 503, "out of memory" },
    };

    [Theory]
    [MemberData(nameof(Errors))]
    public void What_has_run_out_is_told_from_the_error_however_deep_it_lies(Exception error, int status, string words)
    {
        foreach (var one in new[] { error, new InvalidOperationException("The job failed.", error) })
        {
            var shortage = Shortage.Of(one);
            Assert.Equal(status, shortage?.Status);
            Assert.Contains(words, shortage!.Words, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_that_is_at_fault_is_no_shortage()
    {
        Assert.Null(Shortage.Of(new MediaFileException("film.mp4 holds no video.")));
        Assert.Null(Shortage.Of(new SocketException((int)SocketError.ConnectionReset)));
    }
}
