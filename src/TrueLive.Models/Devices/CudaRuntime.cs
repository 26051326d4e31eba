using System.Runtime.InteropServices;
using TrueLive.Core.Models;

namespace TrueLive.Models.Devices;

/// <summary>Memory of a GPU and copies to and from it, by the CUDA runtime that ONNX Runtime uses as well.</summary>
internal sealed unsafe class CudaRuntime
{
    private const int ToDevice = 1, ToHost = 2;

    private readonly delegate* unmanaged<int, int> _choose;
    private readonly delegate* unmanaged<nint*, nuint, int> _allocate;
    private readonly delegate* unmanaged<nint, int> _free;
    private readonly delegate* unmanaged<nint, nint, nuint, int, int> _copy;
    private readonly delegate* unmanaged<int> _wait;

    /// <param name="gpu">Number of the GPU.</param>
    /// <param name="export">The address of a function of the CUDA runtime.</param>
    public CudaRuntime(int gpu, Func<string, nint> export)
    {
        Gpu = gpu;
        _choose = (delegate* unmanaged<int, int>)export("cudaSetDevice");
        _allocate = (delegate* unmanaged<nint*, nuint, int>)export("cudaMalloc");
        _free = (delegate* unmanaged<nint, int>)export("cudaFree");
        _copy = (delegate* unmanaged<nint, nint, nuint, int, int>)export("cudaMemcpy");
        _wait = (delegate* unmanaged<int>)export("cudaDeviceSynchronize");
    }

    /// <summary>Number of the GPU.</summary>
    public int Gpu { get; }

    /// <summary>That of a GPU, whose libraries <see cref="GraphDevice"/> has loaded.</summary>
    public static CudaRuntime Of(int gpu)
    {
        var library = NativeLibrary.Load(CudaMemory.Library);
        return new CudaRuntime(gpu, name => NativeLibrary.GetExport(library, name));
    }

    /// <exception cref="ModelStepException">There is no room.</exception>
    public nint Allocate(int bytes)
    {
        nint memory = 0;
        Check("cudaSetDevice", _choose(Gpu));
        Check("cudaMalloc", _allocate(&memory, (nuint)bytes));
        return memory;
    }

    public void Free(nint memory)
    {
        _choose(Gpu);
        _free(memory);
    }

    /// <exception cref="ModelStepException">The GPU does not answer any more.</exception>
    public void Upload(Span<byte> from, nint to) => Copy(from, to, upload: true);

    /// <exception cref="ModelStepException">The GPU does not answer any more.</exception>
    public void Download(nint from, Span<byte> to) => Copy(to, from, upload: false);

    private void Copy(Span<byte> host, nint device, bool upload)
    {
        Check("cudaSetDevice", _choose(Gpu));
        fixed (byte* memory = host)
        {
            var (to, from) = upload ? (device, (nint)memory) : ((nint)memory, device);
            Check("cudaMemcpy", _copy(to, from, (nuint)host.Length, upload ? ToDevice : ToHost));
        }
        // A copy from memory that is not CUDA's own may return early, and ONNX Runtime's stream does not wait for that of copies.
        Check("cudaDeviceSynchronize", _wait());
    }

    private static void Check(string call, int error)
    {
        if (error != 0)
            throw new ModelStepException($"The GPU failed: {call} answers with error {error} of CUDA.");
    }
}
