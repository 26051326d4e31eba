using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Devices;
using TrueLive.Models.Graphs;
using TrueLive.Models.Tests.Onnx;

namespace TrueLive.Models.Tests.Devices;

/// <summary>What happens where the memory of a device is used up, and how tensors reach a GPU.</summary>
public sealed class MemoryShortageTests
{
    private static readonly (float R, float G, float B) Tan = (0.8f, 0.4f, 0.2f);

    private readonly FramePool _pool = new("memory shortage", 4);

    // As users of ONNX Runtime report them.
    [Theory]
    [InlineData("[ErrorCode:RuntimeException] Non-zero status code returned while running Conv node. Name:'/unet/conv' Status Message: " +
        "bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Failed to allocate memory for requested buffer " +
        "of size 285212672", "(272 MB more were asked for)")]
    [InlineData("bfc_arena.cc:359 Available memory of 1048576 is smaller than requested bytes of 4194304", "(4 MB more were asked for)")]
    [InlineData("[ErrorCode:Fail] cuda_call.cc:121 CUDA failure 2: out of memory ; GPU=0 ; hostname=a ; expr=cudaStreamCreateWithFlags(" +
        "&stream, cudaStreamNonBlocking);", "of cuda:1 is used up.")]
    [InlineData("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&cublas_handle_);", "of cuda:1 is used up.")]
    [InlineData("CUDNN failure 5003: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ; GPU=0", "of cuda:1 is used up.")]
    [InlineData("CUDNN failure 2: CUDNN_STATUS_ALLOC_FAILED ; GPU=0", "of cuda:1 is used up.")]
    [InlineData("[ErrorCode:RuntimeException] std::bad_alloc", "of cuda:1 is used up.")]
    public void The_runtimes_words_for_memory_that_is_used_up_are_known(string said, string told)
    {
        Assert.True(MemoryShortage.IsIn(said));
        Assert.Contains(told, MemoryShortage.Words(said, new ComputeDevice(1)) + ".", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[ErrorCode:InvalidArgument] not enough space: expected 318080, got 314240")]
    [InlineData("[ErrorCode:InvalidArgument] Got invalid dimensions for input: sample for the following indices")]
    [InlineData("CUDA failure 700: an illegal memory access was encountered ; GPU=0")]
    [InlineData("CUDNN failure 8: CUDNN_STATUS_EXECUTION_FAILED ; GPU=0")]
    public void Other_faults_are_none(string said) => Assert.False(MemoryShortage.IsIn(said));

    [Fact]
    public void A_session_that_asks_for_too_much_fails_in_words_and_the_one_beside_it_goes_on()
    {
        // A real allocation that the arena of ONNX Runtime refuses: as many numbers as the parameter says.
        var graph = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Input("grow", Element.Int64, 1)
            .Output("y", Element.Float, 1, 3, 0, 0).Constant("zero", [0], 1)
            .Node("Expand", ["zero", "grow"], ["many"]).Node("ReduceMax", ["many"], ["none"], ("keepdims", 0))
            .Node("Add", ["x", "none"], ["y"]);
        using var folder = new ModelFolder(graph.Bytes(), more: """
            "inputs": [{ "name": "grow", "value": 1, "title": "Grow", "min": 1, "max": 4294967296 }]
            """);
        using var model = folder.Load();
        Assert.True(ParameterValues.None.TrySet(model.Info.Parameters, [new("grow", "4294967296")], out var all, out var wrong), wrong);
        using var beside = model.CreateSession(32, 16);
        using (var greedy = model.CreateSession(32, 16))
        {
            for (var again = 0; again < 3; again++)
            {
                var failed = Assert.Throws<ModelMemoryException>(() => greedy.After(_pool, Tan, Prompt.None with { Values = all }));
                Assert.Contains("test-net failed at 32x16: the memory of cpu is used up (16384 MB more were asked for). Choose",
                    failed.Message, StringComparison.Ordinal);
                Colours.AssertNear(Tan, beside.After(_pool, Tan));
            }
            // What it asked for, it does not hold.
            Colours.AssertNear(Tan, greedy.After(_pool, Tan));
        }
        Assert.Equal(0, model.FramesOut);
        using var next = model.CreateSession(64, 64);
        Colours.AssertNear(Tan, next.After(_pool, Tan));
    }

    [Fact]
    public void For_a_GPU_inputs_are_bound_anew_at_each_run_since_the_runtime_copies_them_as_they_are_bound()
    {
        var graph = new OnnxGraph().Input("x", Element.Float, 4).Output("y", Element.Float, 4).Node("Neg", ["x"], ["y"]).Bytes();
        using var session = GraphRuntime.Open("net.onnx", graph, 1);
        using TensorBuffer from = new(Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float, [4]), to = new(from.Type, [4]);
        using var run = new RunOptions();
        foreach (var device in new[] { ComputeDevice.Processor, new ComputeDevice(0) })
        {
            using var call = new BoundCall(session, device);
            call.Input("x", from);
            call.Output("y", to);
            for (var step = 1; step < 3; step++)
            {
                from.Write([step, 0, 0, step]);
                call.Run(run);
                Assert.Equal([-step, -step], [to.Floats[0], to.Floats[3]]);
            }
            // Whatever was bound before is not what a GPU reads.
            call.Binding.ClearBoundInputs();
            var error = Record.Exception(() => call.Run(run));
            Assert.Equal(device.Gpu is null, error is OnnxRuntimeException);
        }
    }

    [Fact]
    public void Where_the_CUDA_runtime_does_not_tell_it_the_memory_is_not_known()
    {
        Assert.Null(CudaMemory.Free);
        var other = NativeLibrary.Load("libm.so.6");
        Assert.Null(CudaMemory.FreeOf(other, 0));
        NativeLibrary.Free(other);
    }
}
