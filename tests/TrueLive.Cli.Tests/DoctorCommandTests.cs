using System.Diagnostics;
using System.Text.Json;

namespace TrueLive.Cli.Tests;

/// <summary><c>truelive doctor</c> as a user types it.</summary>
public sealed class DoctorCommandTests : IDisposable
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "truelive.dll");

    private readonly string _home = Directory.CreateTempSubdirectory("truelive-doctor-cli-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_home, true);

    [Fact]
    [Trait("Run", "long")]
    public async Task On_a_machine_where_all_is_well_it_says_so_and_what_the_machine_holds()
    {
        var (code, said) = await RunAsync("env", "-u", "XDG_CACHE_HOME", $"HOME={_home}", Environment.ProcessPath!, Program, "doctor",
            "--json", "--port", "0", "--webrtc-port", "0", "--data-folder", Path.Combine(_home, "data"), "--clip-disk-mb", "1",
            "--isolate-decoders");
        using var answer = JsonDocument.Parse(said);
        var findings = answer.RootElement.GetProperty("findings").EnumerateArray().ToArray();
        Assert.True(code == 0 && answer.RootElement.GetProperty("ok").GetBoolean(), said);
        Assert.DoesNotContain(findings, f => f.GetProperty("state").GetString() == "wrong");
        foreach (var part in new[] { "settings", "codecs", "ffmpeg", "sandbox", "machine", "clock", "gpu", "disk", "ports", "udp", "camera",
            "models", "capacity" })
            Assert.Contains(findings, f => f.GetProperty("part").GetString() == part);
        Assert.Contains(findings, f => f.GetProperty("says").GetString()!.StartsWith("a decode process starts", StringComparison.Ordinal));
        Assert.Matches(@"live-tiny at 512x288: [0-9.]+ ms a step, .* live session\(s\) at 30 frames per second",
            findings[^1].GetProperty("says").GetString());
        // Nor has ONNX Runtime made a number there, under which it would report to its maker.
        Assert.Empty(Directory.EnumerateFileSystemEntries(_home));
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task Each_fault_of_a_machine_has_a_line_with_its_mend_and_the_exit_code_is_one()
    {
        // No codec for H.264, an ffmpeg without x264, no ffprobe, a full disk, a typo in a variable.
        var libraries = Directory.CreateDirectory(Path.Combine(_home, "lib")).FullName;
        foreach (var name in new[] { "libopenh264.so.7", "libopenh264.so.8" })
            File.WriteAllText(Path.Combine(libraries, name), "not a library");
        var programs = Directory.CreateDirectory(Path.Combine(_home, "bin")).FullName;
        foreach (var tool in new[] { "prlimit", "timeout", "nice" })
            File.CreateSymbolicLink(Path.Combine(programs, tool), Path.Combine("/usr/bin", tool));
        File.WriteAllText(Path.Combine(programs, "ffmpeg"),
            "#!/bin/sh\necho 'ffmpeg version 9.9'\necho ' V....D libvpx-vp9 VP9'\necho ' A....D aac AAC'\n");
        File.SetUnixFileMode(Path.Combine(programs, "ffmpeg"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var disk = Directory.CreateDirectory(Path.Combine(_home, "disk")).FullName;
        var shell = $"mount -t tmpfs -o size=2m none '{disk}' && exec env PATH='{programs}' LD_LIBRARY_PATH='{libraries}' " +
            $"TRUELIVE_PROT=1 '{Environment.ProcessPath}' '{Program}' doctor --data-folder '{disk}'";

        var (code, said) = await RunAsync("unshare", "--map-root-user", "--mount", "sh", "-c", shell);
        // The typo makes the other checks use the defaults, so the disk is checked in a second run.
        Assert.Equal(1, code);
        Assert.Matches(@"WRONG  settings  TRUELIVE_PROT is not a setting\. Did you mean TRUELIVE_PORT\?\n +mend: ", said);
        Assert.Matches(@"WRONG  codecs    no library for encoding H\.264 loads here\.\n +mend: .*apt-get install libopenh264", said);
        Assert.Matches(@"right  ffmpeg    ffmpeg version 9\.9\n", said);
        Assert.Matches(@"WRONG  ffmpeg    ffprobe does not start.*\n +mend: .*apt-get install ffmpeg", said);
        Assert.Matches(@"WRONG  ffmpeg    it has no encoder libx264, which MP4 clips need\.\n +mend: ", said);
        Assert.Matches(@"note   sandbox   bubblewrap is not installed.*\n +mend: .*apt-get install bubblewrap", said);
        Assert.DoesNotContain("no encoder libvpx-vp9", said, StringComparison.Ordinal);
        Assert.Matches(@"WRONG  capacity  it cannot be measured: libopenh264.*\n +mend: ", said);
        Assert.Matches(@"[0-9]+ to mend\.\n$", said);

        (code, said) = await RunAsync("unshare", "--map-root-user", "--mount", "sh", "-c",
            shell.Replace("TRUELIVE_PROT=1", "", StringComparison.Ordinal));
        Assert.Equal(1, code);
        Assert.Matches(@"right  settings  ", said);
        Assert.Matches(@"WRONG  disk      only [0-9] MB are free in .*\n +mend: ", said);
    }

    private static async Task<(int Code, string Said)> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        return (process.ExitCode, await output + await error);
    }
}
