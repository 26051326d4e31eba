using System.Runtime.InteropServices;

namespace TrueLive.Models.Devices;

/// <summary>A library that the GPU runtime needs and that is not part of it.</summary>
/// <param name="File">Its name.</param>
/// <param name="Advice">What installs it.</param>
internal sealed record CudaLibrary(string File, string Advice)
{
    private const string Driver = "the NVIDIA driver (Debian: the package nvidia-driver; in a container: let it have the GPUs)";
    private const string Toolkit = "CUDA 13 (the package cuda-libraries-13-0 of NVIDIA's repository, or in a virtual environment: "
        + "pip install nvidia-cuda-runtime nvidia-cublas nvidia-curand nvidia-cufft)";

    /// <summary>All of them, each before those that need it.</summary>
    public static IReadOnlyList<CudaLibrary> All { get; } =
    [
        new("libcuda.so.1", Driver),
        new("libcudart.so.13", Toolkit),
        new("libcublasLt.so.13", Toolkit),
        new("libcublas.so.13", Toolkit),
        new("libcurand.so.10", Toolkit),
        new("libcufft.so.12", Toolkit),
        new("libcudnn.so.9", "cuDNN 9 (the package libcudnn9-cuda-13 of NVIDIA's repository, or in a virtual environment: pip install nvidia-cudnn-cu13)"),
    ];

    /// <summary>
    /// Loads them all, so that the GPU runtime finds them whatever folder they lie in: that of the system, of <c>CUDA_PATH</c>, or of the
    /// packages of a virtual environment (<c>VIRTUAL_ENV</c>).
    /// </summary>
    /// <param name="variable">The environment.</param>
    /// <returns>Those that cannot be loaded.</returns>
    public static IReadOnlyList<CudaLibrary> LoadAll(Func<string, string?> variable)
    {
        string[] folders = [.. Folders(variable)];
        return [.. All.Where(library => !library.Load(folders))];
    }

    private bool Load(string[] folders) =>
        NativeLibrary.TryLoad(File, out _) || folders.Select(f => Path.Combine(f, File)).Any(path => System.IO.File.Exists(path) && NativeLibrary.TryLoad(path, out _));

    private static IEnumerable<string> Folders(Func<string, string?> variable)
    {
        foreach (var root in new[] { variable("CUDA_PATH"), "/usr/local/cuda" })
        {
            if (!string.IsNullOrEmpty(root))
                yield return Path.Combine(root, "lib64");
        }
        if (variable("VIRTUAL_ENV") is not { Length: > 0 } environment || !Directory.Exists(Path.Combine(environment, "lib")))
            yield break;
        foreach (var packages in Directory.EnumerateDirectories(Path.Combine(environment, "lib"), "python3*").Select(p => Path.Combine(p, "site-packages", "nvidia")).Where(Directory.Exists))
        {
            foreach (var package in Directory.EnumerateDirectories(packages))
                yield return Path.Combine(package, "lib");
        }
    }
}
