using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using TrueLive.Core.Models;
using TrueLive.Models.Devices;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Graphs;

/// <summary>Loads graphs into ONNX Runtime.</summary>
internal static class GraphRuntime
{
    /// <summary>Loads a graph.</summary>
    /// <param name="what">The file and its field, for the message of a refusal.</param>
    /// <param name="bytes">The file.</param>
    /// <param name="threads">Threads of one call.</param>
    /// <param name="data">Where numbers lie that are not in the file, as <see cref="OnnxFile"/> found them right; null for nowhere.</param>
    /// <param name="captured">
    /// Whether its work on a GPU may be recorded; all its runs must then say which recording they are of (<see cref="Record"/>).
    /// </param>
    /// <exception cref="ModelException">The runtime refuses it.</exception>
    public static InferenceSession Open(string what, byte[] bytes, int threads, string? data = null, bool captured = false)
    {
        using var turn = GraphDevice.Turn();
        using var options = OnnxMemory.Bound(new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        });
        // A spinning thread steals the core that the codecs need: two spinning threads are slower than one beside any other work.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        GraphDevice.AppendTo(options, GraphDevice.Current, captured);
        if (data is not null)
            options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", data);
        try
        {
            // From memory, so that a file can not make the runtime open others beside it.
            return new InferenceSession(bytes, options);
        }
        catch (OnnxRuntimeException e)
        {
            var why = e.Message.ReplaceLineEndings(" ");
            var hint = Says("not a registered") || Says("NOT_IMPLEMENTED") ? " It uses an operator that ONNX Runtime does not have."
                : Says("Unsupported model IR version") || Says("is under development")
                    ? " It is written in a newer ONNX than ONNX Runtime reads here: export it with a lower opset."
                    : "";
            // The names of the runtime's own functions come first, what is wrong comes last.
            throw new ModelException($"{what} cannot be loaded.{hint} ONNX Runtime says: {(why.Length > 300 ? "..." + why[^300..] : why)}",
                e);

            bool Says(string words) => why.Contains(words, StringComparison.OrdinalIgnoreCase);
        }
    }

    /// <summary>Makes runs of a captured graph record and replay what belongs to this number; without one, they are plain.</summary>
    public static RunOptions Record(RunOptions run, int? recording)
    {
        run.AddRunConfigEntry("gpu_graph_id", (recording ?? -1).ToString(CultureInfo.InvariantCulture));
        return run;
    }

    /// <summary>Makes runs give back what the memory arenas hold and nothing uses, once they are through.</summary>
    public static RunOptions Shrink(RunOptions run)
    {
        run.AddRunConfigEntry("memory.enable_memory_arena_shrinkage",
            GraphDevice.Current.Gpu is { } gpu ? string.Create(CultureInfo.InvariantCulture, $"cpu:0;gpu:{gpu}") : "cpu:0");
        return run;
    }

    /// <summary>The shape of what a graph makes of zeros, for graphs that do not declare it.</summary>
    /// <param name="what">The file and its field, for the message of a refusal.</param>
    /// <param name="graph">The graph.</param>
    /// <param name="input">Its only input.</param>
    /// <param name="shape">The input's shape.</param>
    /// <param name="output">The output.</param>
    /// <exception cref="ModelException">The graph does not run.</exception>
    public static long[] ShapeOf(string what, InferenceSession graph, string input, long[] shape, string output)
    {
        using var zeros = new TensorBuffer(graph.InputMetadata[input].ElementDataType, shape);
        using var run = Record(new RunOptions(), null);
        using var turn = GraphDevice.Turn();
        try
        {
            using var results = graph.Run(run, [input], [zeros.Value], [output]);
            return results[0].GetTensorTypeAndShape().Shape;
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelException($"{what} does not run: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>A step whose call of the runtime failed.</summary>
    /// <param name="what">What failed, for the message.</param>
    /// <param name="e">As the runtime tells it.</param>
    public static ModelStepException Failed(string what, OnnxRuntimeException e)
    {
        var why = e.Message.ReplaceLineEndings(" ");
        return MemoryShortage.IsIn(why)
            ? new ModelMemoryException($"{what}: {MemoryShortage.Words(why, GraphDevice.Current)}.", e)
            : new ModelStepException($"{what}: {why}", e);
    }
}
