using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Core.Models;
using TrueLive.Models.Devices;
using TrueLive.Models.Graphs;

namespace TrueLive.Models.Tests.Devices;

/// <summary>
/// When replays of a CUDA graph are believed, with the memory of this process in place of a GPU's and a function in place of the graph.
/// </summary>
public sealed unsafe class CapturedCallTests : IDisposable
{
    // What the stand-ins of CUDA's functions, which know no object, have handed out; the tests of a class run one after the other.
    private static List<nint> _allocated = [];
    private static bool _full;

    private readonly TensorBuffer _x = new(TensorElementType.Float, [4]);
    private readonly TensorBuffer _y = new(TensorElementType.Float, [4]);
    private int _plain;

    public CapturedCallTests() => (_allocated, _full) = ([], false);

    public void Dispose()
    {
        _x.Dispose();
        _y.Dispose();
    }

    [Fact]
    public void Replays_that_make_the_same_as_plain_runs_are_used_and_read_what_is_new()
    {
        using var call = Call(out var input, out var output);
        for (var step = 1; step < 4; step++)
        {
            _x.Write([step, 0, 0, -step]);
            call.Run(Plain, () => Negate(input, output));
            Assert.Equal([-step, step], [_y.Floats[0], _y.Floats[3]]);
        }
        Assert.Null(call.Refused);
        // Those that it was compared with.
        Assert.Equal(2, _plain);
    }

    [Fact]
    public void A_replay_that_goes_on_with_its_first_input_is_found_out_and_the_plain_run_counts()
    {
        using var call = Call(out var input, out var output);
        float[]? first = null;
        AssertRefused(call, () =>
        {
            first ??= new Span<float>((void*)input, 4).ToArray();
            for (var i = 0; i < 4; i++)
                ((float*)output)[i] = -first[i];
        }, "something else than a plain run");
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(0.2f)]
    public void A_replay_that_differs_is_found_out(float wrong)
    {
        using var call = Call(out var input, out var output);
        AssertRefused(call, () =>
        {
            Negate(input, output);
            ((float*)output)[3] += wrong;
        }, "something else than a plain run");
    }

    [Fact]
    public void A_capture_that_fails_is_told_and_the_plain_run_counts()
    {
        using var call = Call(out _, out _);
        AssertRefused(call, () => throw new ModelStepException("operation not permitted when stream is capturing"),
            "not permitted when stream is capturing");
    }

    [Fact]
    public void On_each_thread_replays_are_compared_anew_and_on_too_many_they_are_not_used()
    {
        using var call = Call(out var input, out var output);
        for (var thread = 1; thread <= 6; thread++)
        {
            var other = new Thread(() => call.Run(Plain, () => Negate(input, output)));
            _x.Write([thread, 0, 0, 0]);
            _y.Write([0, 0, 0, 0]);
            other.Start();
            other.Join();
            Assert.Equal(-thread, _y.Floats[0]);
            Assert.Equal(thread <= 4 ? 2 * thread : thread + 4, _plain);
        }
        Assert.Contains("more than 4 threads", call.Refused, StringComparison.Ordinal);
    }

    [Fact]
    public void A_GPU_without_room_is_told_by_its_error()
    {
        _full = true;
        using var call = new CapturedCall(StandIn());
        Assert.Contains("cudaMalloc answers with error 2", Assert.Throws<ModelStepException>(() => call.Input(_x)).Message,
            StringComparison.Ordinal);
    }

    private void AssertRefused(CapturedCall call, Action replay, string why)
    {
        for (var step = 1; step < 4; step++)
        {
            _x.Write([step, 0, 0, step]);
            call.Run(Plain, replay);
            Assert.Contains(why, call.Refused, StringComparison.Ordinal);
            Assert.Equal([-step, -step], [_y.Floats[0], _y.Floats[3]]);
        }
    }

    private CapturedCall Call(out nint input, out nint output)
    {
        var call = new CapturedCall(StandIn());
        call.Input(_x);
        call.Output(_y);
        (input, output) = (_allocated[0], _allocated[1]);
        return call;
    }

    private void Plain()
    {
        _plain++;
        for (var i = 0; i < 4; i++)
            _y.Floats[i] = -_x.Floats[i];
    }

    private static void Negate(nint input, nint output)
    {
        for (var i = 0; i < 4; i++)
            ((float*)output)[i] = -((float*)input)[i];
    }

    private static CudaRuntime StandIn() => new(0, name => name switch
    {
        "cudaSetDevice" => (nint)(delegate* unmanaged[Cdecl]<int, int>)&SetDevice,
        "cudaMalloc" => (nint)(delegate* unmanaged[Cdecl]<nint*, nuint, int>)&Malloc,
        "cudaFree" => (nint)(delegate* unmanaged[Cdecl]<nint, int>)&Free,
        "cudaMemcpy" => (nint)(delegate* unmanaged[Cdecl]<nint, nint, nuint, int, int>)&Memcpy,
        _ => (nint)(delegate* unmanaged[Cdecl]<int>)&Synchronize,
    });

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int SetDevice(int gpu) => gpu;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Malloc(nint* memory, nuint bytes)
    {
        if (_full)
            return 2;
        _allocated.Add(*memory = (nint)NativeMemory.AllocZeroed(bytes));
        return 0;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Free(nint memory)
    {
        NativeMemory.Free((void*)memory);
        return 0;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Memcpy(nint to, nint from, nuint bytes, int way)
    {
        NativeMemory.Copy((void*)from, (void*)to, bytes);
        return way is 1 or 2 ? 0 : 1;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Synchronize() => 0;
}
