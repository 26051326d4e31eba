using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Devices;

/// <summary>
/// The device of this process. It is chosen once, before the first model is loaded, because the choice decides which native runtime is
/// loaded, and a process can have only one.
/// </summary>
public static class GraphDevice
{
    private static readonly Lock Choosing = new();
    private static readonly Lock OneAtATime = new();
    private static string? _folder;

    /// <summary>The device that graphs run on.</summary>
    public static ComputeDevice Current { get; private set; } = ComputeDevice.Processor;

    /// <summary>Whether graphs of fixed shapes are captured as CUDA graphs.</summary>
    internal static bool CudaGraphs { get; private set; }

    /// <summary>Chooses the device.</summary>
    /// <param name="setting">
    /// A device; <c>auto</c> takes the GPU if everything that it needs is installed, and otherwise the processor.
    /// </param>
    /// <param name="dataFolder">The data folder that the GPU runtime is pulled into.</param>
    /// <param name="cudaGraphs">
    /// Captures what a GPU computes for diffusion pipelines of one size as CUDA graphs, if replays make the same. While a model loads, the
    /// steps of others wait. This was never run on a GPU.
    /// </param>
    /// <returns>Why <c>auto</c> did not take the GPU that this machine has; otherwise null.</returns>
    /// <exception cref="ModelException">
    /// The setting is invalid, or the requested GPU cannot be used; the message says what is missing and how to install it.
    /// </exception>
    public static string? Choose(string setting, string dataFolder, bool cudaGraphs = false)
    {
        if (!ComputeDevice.TryParse(setting, out var wanted))
            throw new ModelException($"device is '{setting}'; it must be auto, cpu or cuda:N, where N counts the GPUs from 0.");
        lock (Choosing)
        {
            CudaGraphs = false;
            if (wanted?.Gpu is null && (wanted is not null || !NativeLibrary.TryLoad(CudaLibrary.All[0].File, out _)))
            {
                Current = ComputeDevice.Processor;
                return null;
            }
            var device = wanted ?? new ComputeDevice(0);
            if (WhyNot(device, dataFolder) is not { } why)
            {
                (Current, CudaGraphs) = (device, cudaGraphs);
                return null;
            }
            Current = ComputeDevice.Processor;
            return wanted is null ? $"The GPU is not used: {why}" : throw new ModelException($"{device} cannot be used: {why}");
        }
    }

    private static string? WhyNot(ComputeDevice device, string dataFolder)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.OSArchitecture != Architecture.X64)
            return "the GPU runtime exists for Linux on x86-64 only.";
        if (!GpuRuntime.IsIn(dataFolder))
            return $"the GPU runtime is not in {GpuRuntime.FolderIn(dataFolder)}. Bring it once: truelive models pull gpu-runtime";
        var missing = CudaLibrary.LoadAll(Environment.GetEnvironmentVariable);
        if (missing.Count > 0)
            return $"{string.Join(", ", missing.Select(m => m.File))} cannot be loaded. Install "
                + $"{string.Join("; ", missing.Select(m => m.Advice).Distinct())}.";
        var folder = GpuRuntime.FolderIn(dataFolder);
        if (_folder is null && LoadedElsewhere(folder))
            return "another ONNX Runtime is loaded in this process already.";
        // Loaded here first, where a failure can still be reported as a reason; later it would be a fault.
        if (!NativeLibrary.TryLoad(Path.Combine(folder, GpuRuntime.Library), out _))
            return $"{Path.Combine(folder, GpuRuntime.Library)} cannot be loaded. Delete the folder, and pull it again: truelive models "
                + "pull gpu-runtime";
        LoadFrom(folder);
        try
        {
            using var options = new SessionOptions();
            AppendTo(options, device);
            return null;
        }
        catch (OnnxRuntimeException e)
        {
            return $"ONNX Runtime says: {e.Message.ReplaceLineEndings(" ")}";
        }
    }

    /// <summary>
    /// Waits for the GPU where CUDA graphs are captured: while one is, any call of another thread that takes or frees memory of the GPU
    /// breaks the capture, and fails itself.
    /// </summary>
    internal static Lock.Scope Turn() => CudaGraphs ? OneAtATime.EnterScope() : default;

    /// <summary>Makes a session run on a device.</summary>
    internal static void AppendTo(SessionOptions options, ComputeDevice device, bool captured = false)
    {
        if (device.Gpu is not { } number)
            return;
        using var cuda = new OrtCUDAProviderOptions();
        cuda.UpdateOptions(new Dictionary<string, string>
        {
            ["device_id"] = number.ToString(System.Globalization.CultureInfo.InvariantCulture),
            // Grows by the requested size: doubling would leave up to half of the memory unused.
            ["arena_extend_strategy"] = "kSameAsRequested",
            // Trying all algorithms takes minutes for a UNet, and memory that is never freed.
            ["cudnn_conv_algo_search"] = "HEURISTIC",
            ["enable_cuda_graph"] = captured ? "1" : "0",
        });
        options.AppendExecutionProvider_CUDA(cuda);
    }

    private static bool LoadedElsewhere(string folder) => File.ReadLines("/proc/self/maps")
        .Any(line => line.EndsWith("/" + GpuRuntime.Library, StringComparison.Ordinal)
        && !line.EndsWith(" " + Path.Combine(folder, GpuRuntime.Library), StringComparison.Ordinal));

    // The bundled runtime must be replaced before its first call, since a process has only one.
    private static void LoadFrom(string folder)
    {
        if (_folder is not null)
            return;
        _folder = folder;
        NativeLibrary.SetDllImportResolver(typeof(OrtEnv).Assembly, (name, _, _) =>
            name.Contains("onnxruntime", StringComparison.Ordinal) ? NativeLibrary.Load(Path.Combine(_folder, GpuRuntime.Library)) : 0);
    }
}
