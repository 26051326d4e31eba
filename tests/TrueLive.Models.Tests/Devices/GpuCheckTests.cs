using System.Diagnostics;

namespace TrueLive.Models.Tests.Devices;

/// <summary>
/// What <c>eng/gpu-check</c> runs, on the processor with tiny networks. Needs the packages of
/// <c>TRUELIVE_TEST_PACKAGES=python3-torch ./test full</c>.
/// </summary>
public sealed class GpuCheckTests
{
    // The interpreter that Debian's python3-torch belongs to; another may come first in the PATH.
    private const string Python = "/usr/bin/python3";

    [Fact]
    [Trait("Run", "full")]
    public async Task The_check_measures_each_network_and_the_whole_step_beside_PyTorch_and_notices_a_difference()
    {
        if (!File.Exists(Python) || (await RunAsync(Python, "-c", "import torch")).Code != 0)
            Assert.Skip("There is no torch: set TRUELIVE_TEST_PACKAGES=python3-torch.");
        var place = Directory.CreateTempSubdirectory("truelive-gpu-check-");
        try
        {
            var shapes = Path.Combine(place.FullName, "shapes");
            var script = Path.Combine(Repository.Root, "bench", "gpu", "shapes.py");
            Assert.Equal(0, (await RunAsync(Python, script, shapes, "--tiny", "--device", "cpu")).Code);
            var (code, said) = await BenchAsync(shapes);
            Assert.True(code == 0, said);
            foreach (var row in new[] { "| unet | 1 |", "| unet | 4 |", "| vae_decoder | 1 |", "| 1 step, a worker in PyTorch |",
                "| 2 steps, stream batch |", "Through a server, 1 step, " })
                Assert.Contains(row, said, StringComparison.Ordinal);
            Assert.DoesNotContain("not measured: ", said, StringComparison.Ordinal);
            // The last numbers are those of a picture that PyTorch made.
            await using (var fixture = File.OpenWrite(Path.Combine(shapes, "fixture.bin")))
            {
                fixture.Seek(-4, SeekOrigin.End);
                fixture.Write(BitConverter.GetBytes(3f));
            }
            (code, said) = await BenchAsync(shapes);
            Assert.Equal(1, code);
            Assert.Contains("1 network(s) differ from PyTorch", said, StringComparison.Ordinal);
        }
        finally
        {
            place.Delete(recursive: true);
        }
    }

    private static Task<(int Code, string Said)> BenchAsync(string shapes) => RunAsync("dotnet",
        Path.Combine(Repository.Root, "artifacts", "bin", "TrueLive.Bench", Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')),
            "TrueLive.Bench.dll"),
        "gpu", "--shapes", shapes, "--python", Python, "--device", "cpu", "--frames", "10", "--runs", "5", "--data-folder", shapes);

    private static async Task<(int Code, string Said)> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output + await errors);
    }
}
