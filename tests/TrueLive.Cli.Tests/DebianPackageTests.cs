using System.Diagnostics;

namespace TrueLive.Cli.Tests;

/// <summary>The package of <c>eng/deb</c>. <c>eng/installed</c> tries it under systemd as well.</summary>
[Trait("Run", "full")]
public sealed class DebianPackageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-deb-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, true);

    [Fact]
    public async Task An_unpacked_package_serves_for_a_user_without_rights_on_the_runtime_that_it_brings()
    {
        var package = (await RunAsync("eng/deb", "--no-build", "--version", "1.2.3", "--folder", Path.Combine(_folder, "made"))).Trim();
        await RunAsync("dpkg-deb", "-x", package, _folder);
        var depends = await RunAsync("dpkg-deb", "-f", package, "Version", "Depends");
        Assert.Contains("Version: 1.2.3", depends, StringComparison.Ordinal);
        Assert.All(["libopenh264-7 | libopenh264-8", "ffmpeg", "bubblewrap"], d => Assert.Contains(d, depends, StringComparison.Ordinal));
        Assert.Equal(["/etc/truelive/control.yaml", "/etc/truelive/serve.yaml", "/etc/truelive/worker.yaml"],
            (await RunAsync("dpkg-deb", "-I", package, "conffiles")).Split('\n', StringSplitOptions.RemoveEmptyEntries));

        var data = Directory.CreateDirectory(Path.Combine(_folder, "data")).FullName;
        foreach (var open in new[] { _folder, data })
            File.SetUnixFileMode(open, (UnixFileMode)0b111_111_111);
        string[] nobody = Environment.UserName == "root"
            ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"] : [];
        await using var server = await ServerProcess.StartProgramAsync(
            [.. nobody, "env", "-i", "PATH=/usr/bin:/bin", $"HOME={data}", Path.Combine(_folder, "usr/bin/truelive")],
            "--data-folder", Path.Combine(data, "own"), "--size", "64x64");
        using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
        await ServerProcess.ReadyAsync(http);
        Assert.Contains("<title>", await http.GetStringAsync("/", Cancel), StringComparison.Ordinal);
        var loaded = (await File.ReadAllLinesAsync($"/proc/{server.ProcessId}/maps", Cancel)).Select(l => l.Split(' ')[^1])
            .Where(f => f.EndsWith("/libcoreclr.so", StringComparison.Ordinal)).Distinct();
        Assert.StartsWith(Path.Combine(_folder, "usr/lib/truelive/dotnet/"), Path.GetFullPath(Assert.Single(loaded)),
            StringComparison.Ordinal);
        Assert.Equal(0, await server.EndAsync());
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program.Contains('/') ? Path.Combine(Repository.Root, program) : program,
            arguments)
        { WorkingDirectory = Repository.Root, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync(Cancel);
        var output = await process.StandardOutput.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        Assert.True(process.ExitCode == 0, output + await errors);
        return output;
    }
}
