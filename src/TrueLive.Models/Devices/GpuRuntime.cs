namespace TrueLive.Models.Devices;

/// <summary>
/// The build of ONNX Runtime that computes on NVIDIA GPUs: pulled into the data folder, since it is ten times as large as all of TrueLive.
/// </summary>
public static class GpuRuntime
{
    /// <summary>Its version; the managed side works with it.</summary>
    public const string Version = "1.31.0";

    /// <summary>The package that it comes in.</summary>
    public const string Package = "Microsoft.ML.OnnxRuntime.Gpu.Linux";

    /// <summary>Size of the package in bytes.</summary>
    public const long PackageBytes = 244_928_869;

    /// <summary>SHA-512 of the package, as base64.</summary>
    public const string PackageSha512 = "cZhkav+zM0582qgdS/QZUJ5gdf1ZEdYO/sTzRVJKyiTFlnHNY5M/0ssKGkAam3/mVUcW8XuqsMpjfCBGD3v0nQ==";

    /// <summary>The library that is loaded instead of the one that comes along.</summary>
    public const string Library = "libonnxruntime.so";

    /// <summary>Its files, by their place in the package.</summary>
    public static IReadOnlyDictionary<string, long> Files { get; } = new Dictionary<string, long>
    {
        ["runtimes/linux-x64/native/libonnxruntime.so"] = 33_076_832,
        ["runtimes/linux-x64/native/libonnxruntime_providers_cuda.so"] = 284_015_096,
        ["runtimes/linux-x64/native/libonnxruntime_providers_shared.so"] = 14_632,
        ["LICENSE"] = 1_094,
        ["ThirdPartyNotices.txt"] = 344_457,
    };

    /// <summary>Where it lies in a data folder.</summary>
    public static string FolderIn(string dataFolder) => Path.Combine(dataFolder, "gpu-runtime", Version);

    /// <summary>It is there.</summary>
    public static bool IsIn(string dataFolder) => File.Exists(Path.Combine(FolderIn(dataFolder), Library));
}
