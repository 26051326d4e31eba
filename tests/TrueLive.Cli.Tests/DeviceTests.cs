using System.Diagnostics;
using System.Runtime.InteropServices;

namespace TrueLive.Cli.Tests;

/// <summary><c>--device</c> on a machine without a GPU, with stubs in place of the libraries that it needs.</summary>
public sealed class DeviceTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("truelive-device-").FullName;

    private string Runtime => Path.Combine(_home, "truelive", "gpu-runtime", "1.31.0", "libonnxruntime.so");

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public async Task A_GPU_that_cannot_be_used_ends_every_command_in_a_sentence_and_auto_goes_on_without_it()
    {
        Assert.SkipWhen(NativeLibrary.TryLoad("libcuda.so.1", out _) || RuntimeInformation.OSArchitecture != Architecture.X64,
            "This machine has a GPU, or is none that could have one.");
        foreach (string[] command in new[] { Check("cuda:0"), ["clip", "in.mp4", "-o", "out.mp4", "--device", "cuda:0"],
            ["serve", "--port", "0", "--device", "cuda:0"] })
        {
            var (code, _, error) = await RunAsync(command);
            Assert.NotEqual(0, code);
            Assert.Contains("truelive models pull gpu-runtime", error, StringComparison.Ordinal);
        }
        Assert.Contains("must be auto, cpu or cuda:N", (await RunAsync(Check("gpu"))).Error, StringComparison.Ordinal);

        Directory.CreateDirectory(Path.GetDirectoryName(Runtime)!);
        await File.WriteAllBytesAsync(Runtime, [1, 2, 3], TestContext.Current.CancellationToken);
        Assert.Contains("libcuda.so.1", (await RunAsync(Check("cuda:0"))).Error, StringComparison.Ordinal);
        var auto = await RunAsync(Check("auto"));
        Assert.True(auto.Code == 0, auto.Error);
        Assert.Contains("on cpu", auto.Out, StringComparison.Ordinal);

        // With stubs of all libraries, the runtime of the data folder is loaded instead of the bundled one.
        Stubs();
        Assert.Contains("cannot be loaded", (await RunAsync(Check("cuda:0"))).Error, StringComparison.Ordinal);
        File.Copy(Path.Combine(AppContext.BaseDirectory, "libonnxruntime.so"), Runtime, overwrite: true);
        Assert.Contains("cuda:0 cannot be used: ONNX Runtime says:", (await RunAsync(Check("cuda:0"))).Error, StringComparison.Ordinal);
        var doctor = await RunAsync("doctor", "--device", "cuda:0");
        Assert.Matches("gpu.*cuda:0 cannot be used", doctor.Out);
    }

    private static string[] Check(string device) => ["models", "check", "live-tiny", "--frames", "2", "--sizes", "64x64", "--picture",
        "none", "--threads", "1", "--device", device];

    private void Stubs()
    {
        var folder = Directory.CreateDirectory(Path.Combine(_home, "cuda", "lib64")).FullName;
        var real = File.ReadLines("/proc/self/maps").Select(l => l[(l.LastIndexOf(' ') + 1)..]).First(p =>
            Path.GetFileName(p).StartsWith("libm.so", StringComparison.Ordinal));
        foreach (var name in new[] { "libcuda.so.1", "libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10",
            "libcufft.so.12", "libcudnn.so.9" })
            File.Copy(real, Path.Combine(folder, name));
    }

    private async Task<(int Code, string Out, string Error)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _home,
        };
        (start.Environment["XDG_DATA_HOME"], start.Environment["CUDA_PATH"]) = (_home, Path.Combine(_home, "cuda"));
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }
}
