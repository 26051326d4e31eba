using TrueLive.Models.Devices;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Tests.Devices;

/// <summary>What is said of a GPU that cannot be used, with libraries that are there in name only.</summary>
public sealed class GraphDeviceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-device-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Libraries() => [.. CudaLibrary.All.Select(l => l.File)];

    [Theory]
    [InlineData("cpu", true, "cpu")]
    [InlineData("cuda", true, "cuda:0")]
    [InlineData("cuda:3", true, "cuda:3")]
    [InlineData("auto", true, null)]
    [InlineData("cuda:-1", false, null)]
    [InlineData("cuda:64", false, null)]
    [InlineData("gpu", false, null)]
    [InlineData(null, false, null)]
    public void A_device_is_named(string? text, bool right, string? device)
    {
        Assert.Equal(right, ComputeDevice.TryParse(text, out var found));
        Assert.Equal(device, found?.ToString());
    }

    [Theory]
    [MemberData(nameof(Libraries))]
    public void A_library_that_is_missing_is_the_one_that_is_named(string missing)
    {
        Assert.SkipWhen(OnThisMachine(missing), "It is here.");
        Stubs(Path.Combine(_folder, "lib64"), missing);
        var found = CudaLibrary.LoadAll(name => name == "CUDA_PATH" ? _folder : null);
        var one = Assert.Single(found);
        Assert.Equal(missing, one.File);
        Assert.Contains(missing.StartsWith("libcuda.", StringComparison.Ordinal) ? "nvidia-driver" : missing.StartsWith("libcudnn", StringComparison.Ordinal) ? "cudnn9" : "CUDA 13", one.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public void Libraries_are_found_in_the_packages_of_a_virtual_environment()
    {
        foreach (var library in CudaLibrary.All)
            Stubs(Path.Combine(_folder, "lib", "python3.11", "site-packages", "nvidia", library.File.Split('.')[0], "lib"), [.. CudaLibrary.All.Where(l => l != library).Select(l => l.File)]);
        Assert.Empty(CudaLibrary.LoadAll(name => name == "VIRTUAL_ENV" ? _folder : null));
    }

    [Fact]
    public void Without_the_GPU_runtime_the_command_that_brings_it_is_named_and_auto_takes_the_processor()
    {
        Assert.SkipWhen(OnThisMachine("libcuda.so.1"), "This machine has a GPU.");
        Assert.Contains("truelive models pull gpu-runtime", Assert.Throws<ModelException>(() => GraphDevice.Choose("cuda:0", _folder)).Message, StringComparison.Ordinal);
        Assert.Contains("must be auto, cpu or cuda:N", Assert.Throws<ModelException>(() => GraphDevice.Choose("gpu", _folder)).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(GpuRuntime.FolderIn(_folder));
        File.WriteAllBytes(Path.Combine(GpuRuntime.FolderIn(_folder), GpuRuntime.Library), [1]);
        var wrong = Assert.Throws<ModelException>(() => GraphDevice.Choose("cuda:0", _folder)).Message;
        Assert.Contains("libcuda.so.1, libcudart.so.13", wrong, StringComparison.Ordinal);
        Assert.Contains("Install the NVIDIA driver", wrong, StringComparison.Ordinal);
        Assert.Null(GraphDevice.Choose("auto", _folder));
        Assert.Same(ComputeDevice.Processor, GraphDevice.Current);
    }

    private static bool OnThisMachine(string library) => System.Runtime.InteropServices.NativeLibrary.TryLoad(library, out _);

    // A library that is loaded already, under other names.
    private static void Stubs(string folder, params string[] without)
    {
        Directory.CreateDirectory(folder);
        var real = File.ReadLines("/proc/self/maps").Select(l => l[(l.LastIndexOf(' ') + 1)..]).First(p => Path.GetFileName(p).StartsWith("libm.so", StringComparison.Ordinal));
        foreach (var library in CudaLibrary.All.Where(l => !without.Contains(l.File)))
            File.Copy(real, Path.Combine(folder, library.File));
    }
}
