using System.Diagnostics;

namespace TrueLive.Cli.Tests;

/// <summary>eng/setup.sh with scripted stand-ins for the package programs.</summary>
public sealed class SetupTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-setup-").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Fact]
    public async Task Where_the_package_lists_are_stale_they_are_read_anew_and_it_is_tried_once_more()
    {
        // The mirror has nothing under the old names until the lists are read.
        Program("apt-get",
            "echo apt-get \"$1\" >> log; case $1 in update) touch fresh;; install) [ -f fresh ] || { echo '404 Not Found' >&2; exit " +
            "100; };; esac");
        Assert.Equal((0, ""), await EnsureAsync());
        Assert.Equal(["apt-get install", "apt-get update", "apt-get install"], Log());
    }

    [Fact]
    public async Task What_cannot_be_installed_is_said_in_the_words_of_apt()
    {
        Program("apt-get", "echo apt-get \"$1\" >> log; [ $1 = update ] || { echo 'No space left' >&2; exit 100; }");
        var (code, error) = await EnsureAsync();
        Assert.Equal(1, code);
        Assert.Contains("No space left", error, StringComparison.Ordinal);
        Assert.Equal(["apt-get install", "apt-get update", "apt-get install"], Log());
    }

    [Fact]
    public async Task Of_several_names_the_one_is_installed_that_has_a_version_here()
    {
        Program("apt-get", "echo apt-get \"$@\" >> log");
        Program("apt-cache", "case $2 in codec-7) echo '  Candidate: (none)';; codec-9) echo '  Candidate: 9.1-2'; seq 100000;; esac");
        Assert.Equal((0, ""), await EnsureAsync("codec-6|codec-7|codec-9|codec-11"));
        Assert.EndsWith(" codec-9", Assert.Single(Log()), StringComparison.Ordinal);
    }

    private string[] Log() =>
        [.. File.ReadLines(Path.Combine(_folder, "log")).SkipWhile(line => line.StartsWith("apt-get update", StringComparison.Ordinal))];

    private void Program(string name, string script)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, "#!/bin/bash\n" + script + "\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    // Standard error without the script's messages about its own steps.
    private async Task<(int Code, string Error)> EnsureAsync(string package = "some-codec")
    {
        Program("dpkg-query", "exit 1");
        if (!File.Exists(Path.Combine(_folder, "apt-cache")))
            Program("apt-cache", "exit 0");
        Program("id", "echo 0");
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "TrueLive.slnx")))
            root = Path.GetDirectoryName(root)!;
        using var bash = Process.Start(new ProcessStartInfo("bash",
            ["-c", $"set -o pipefail; source {root}/eng/setup.sh; ensure_packages It '{package}'"])
        {
            WorkingDirectory = _folder,
            RedirectStandardError = true,
            Environment = { ["PATH"] = $"{_folder}:{Environment.GetEnvironmentVariable("PATH")}" },
        })!;
        var error = await bash.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await bash.WaitForExitAsync(TestContext.Current.CancellationToken);
        var said = error.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.EndsWith("(apt-get update).", StringComparison.Ordinal)
            && !line.StartsWith("Installing", StringComparison.Ordinal));
        return (bash.ExitCode, string.Join('\n', said));
    }
}
