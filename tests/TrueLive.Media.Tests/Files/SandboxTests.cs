using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TrueLive.Media.Files;

namespace TrueLive.Media.Tests.Files;

/// <summary>A child process that a hostile file took over tries to leave the sandbox.</summary>
public sealed class SandboxTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-sandbox-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_reads_its_input_writes_its_output_and_reaches_nothing_else()
    {
        Assert.SkipUnless(Sandbox.IsUsable, "bubblewrap is not installed, or this system does not let it work.");
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var (input, secret, output) = (Path.Combine(_folder, "in.bin"), Path.Combine(_folder, "key.pem"),
            Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "out")).FullName, "o"));
        await File.WriteAllTextAsync(input, "input", Cancel);
        await File.WriteAllTextAsync(secret, "secret", Cancel);
        var script = $$"""
            cat {{input}} > {{output}}
            tries() { "$@" >> {{output}} 2>/dev/null && echo "REACHED $*" >> {{output}}; }
            tries cat {{secret}}
            tries cat /etc/passwd
            tries ls /home /root /etc/ssh
            tries touch {{input}}
            tries touch /usr/x
            touch {{_folder}}/x
            tries kill -0 {{Environment.ProcessId}}
            tries ls /proc/{{Environment.ProcessId}}
            tries bash -c 'exec 3<>/dev/tcp/127.0.0.1/{{((IPEndPoint)listener.LocalEndpoint).Port}}'
            tries test -c /dev/tty
            tries unshare --user --map-root-user mount -t tmpfs none /usr
            exit 7
            """;
        var command = Sandbox.Around("bash", ["-c", script, "bash", "-i", "file:" + input, "file:" + output]);
        using var child = Process.Start(new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardError = true })!;
        var complaints = await child.StandardError.ReadToEndAsync(Cancel);
        await child.WaitForExitAsync(Cancel);
        Assert.Equal((7, "input"), (child.ExitCode, (await File.ReadAllTextAsync(output, Cancel)).Trim()));
        Assert.Equal("", complaints);
        Assert.False(listener.Pending());
        Assert.False(File.Exists(Path.Combine(_folder, "x")));
    }

    [Fact]
    public async Task A_stream_of_a_coding_that_nobody_uses_is_not_decoded()
    {
        using var files = new MadeFiles();
        var odd = await files.MakeAsync("odd.avi", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=0.4", "-c:v", "zmbv");
        await using var child = FfmpegChild.Start("ffmpeg", ["-loglevel", "error", .. FfmpegChild.SafeInput(odd), "-f", "null", "-"],
            TimeSpan.FromSeconds(20));
        Assert.NotEqual(0, await child.WaitAsync(Cancel));
    }
}
