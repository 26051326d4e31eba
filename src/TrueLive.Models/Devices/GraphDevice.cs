using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Devices;

/// <summary>
/// The device of this process. It is chosen once, before the first model is loaded: a process has one native runtime, and the choice
/// decides which.
/// </summary>
public static class GraphDevice
{
    private static readonly Lock Choosing = new();
    private static string? _folder;

    /// <summary>What graphs run on.</summary>
    public static ComputeDevice Current { get; private set; } = ComputeDevice.Processor;

    /// <summary>Chooses the device.</summary>
    /// <param name="setting"><c>auto</c> takes a GPU where all that one needs is there, and else the processor.</param>
    /// <param name="dataFolder">Where the GPU runtime was pulled to.</param>
    /// <returns>Why <c>auto</c> did not take the GPU that this machine has; null when there is nothing to say.</returns>
    /// <exception cref="ModelException">The GPU that was asked for cannot be used; the message says what is missing and what installs it.</exception>
    public static string? Choose(string setting, string dataFolder)
    {
        if (!ComputeDevice.TryParse(setting, out var wanted))
            throw new ModelException($"device is '{setting}'; it must be auto, cpu or cuda:N, where N counts the GPUs from 0.");
        lock (Choosing)
        {
            if (wanted?.Gpu is null && (wanted is not null || !NativeLibrary.TryLoad(CudaLibrary.All[0].File, out _)))
            {
                Current = ComputeDevice.Processor;
                return null;
            }
            var device = wanted ?? new ComputeDevice(0);
            if (WhyNot(device, dataFolder) is not { } why)
            {
                Current = device;
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
            return $"{string.Join(", ", missing.Select(m => m.File))} cannot be loaded. Install {string.Join("; ", missing.Select(m => m.Advice).Distinct())}.";
        var folder = GpuRuntime.FolderIn(dataFolder);
        if (_folder is null && LoadedElsewhere(folder))
            return "another ONNX Runtime is loaded in this process already.";
        // Before anything depends on it: a library that does not load is a sentence here, and a fault later.
        if (!NativeLibrary.TryLoad(Path.Combine(folder, GpuRuntime.Library), out _))
            return $"{Path.Combine(folder, GpuRuntime.Library)} cannot be loaded. Delete the folder, and pull it again: truelive models pull gpu-runtime";
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

    /// <summary>Makes a session run on a device.</summary>
    internal static void AppendTo(SessionOptions options, ComputeDevice device)
    {
        if (device.Gpu is not { } number)
            return;
        using var cuda = new OrtCUDAProviderOptions();
        cuda.UpdateOptions(new Dictionary<string, string>
        {
            ["device_id"] = number.ToString(System.Globalization.CultureInfo.InvariantCulture),
            // Grows by what is asked for: doubling would leave up to half of the memory unused.
            ["arena_extend_strategy"] = "kSameAsRequested",
            // Trying all algorithms takes minutes for a UNet, and memory that it never gives back.
            ["cudnn_conv_algo_search"] = "HEURISTIC",
        });
        options.AppendExecutionProvider_CUDA(cuda);
    }

    private static bool LoadedElsewhere(string folder) => File.ReadLines("/proc/self/maps")
        .Any(line => line.EndsWith("/" + GpuRuntime.Library, StringComparison.Ordinal) && !line.EndsWith(" " + Path.Combine(folder, GpuRuntime.Library), StringComparison.Ordinal));

    // The runtime that comes along is replaced before anything of it is called; a process has one.
    private static void LoadFrom(string folder)
    {
        if (_folder is not null)
            return;
        _folder = folder;
        NativeLibrary.SetDllImportResolver(typeof(OrtEnv).Assembly, (name, _, _) =>
            name.Contains("onnxruntime", StringComparison.Ordinal) ? NativeLibrary.Load(Path.Combine(_folder, GpuRuntime.Library)) : 0);
    }
}
