using System.Runtime.InteropServices;

namespace TrueLive.Models.Devices;

/// <summary>Memory of the GPU that this process uses, as the CUDA runtime tells it.</summary>
public static unsafe class CudaMemory
{
    /// <summary>File name of the CUDA runtime.</summary>
    internal const string Library = "libcudart.so.13";

    /// <summary>
    /// Bytes of the chosen GPU's memory that no process has taken; null on the processor, and where the CUDA runtime does not tell.
    /// </summary>
    public static long? Free
    {
        get
        {
            using var turn = GraphDevice.Turn();
            return GraphDevice.Current.Gpu is { } gpu && NativeLibrary.TryLoad(Library, out var library) ? FreeOf(library, gpu) : null;
        }
    }

    internal static long? FreeOf(nint library, int gpu)
    {
        if (!NativeLibrary.TryGetExport(library, "cudaSetDevice", out var setDevice)
            || !NativeLibrary.TryGetExport(library, "cudaMemGetInfo", out var getInfo))
            return null;
        nuint free = 0, total = 0;
        return ((delegate* unmanaged<int, int>)setDevice)(gpu) == 0
            && ((delegate* unmanaged<nuint*, nuint*, int>)getInfo)(&free, &total) == 0
            && free <= total
            ? (long)free
            : null;
    }
}
