using System.Text;
using TrueLive.Models;
using TrueLive.Models.Devices;

namespace TrueLive.Bench;

/// <summary>
/// Measures CUDA graphs, and compares what they replay with PyTorch. It runs in a process of its own: ONNX Runtime may end the process when
/// a capture fails.
/// </summary>
internal static class GpuGraphs
{
    public static async Task<int> RunAsync(string shapes, GpuFixture fixture, int frames, int runs, bool write)
    {
        var text = new StringBuilder();
        Line("");
        Line("## CUDA graphs");
        Line("");
        if (GraphDevice.Current.Gpu is not { } gpu)
        {
            Line("Not measured: there is no GPU.");
            return 0;
        }
        Line("The setting `cuda_graphs`, which is off unless somebody turns it on. The last difference is after calls of the same network " +
            "with other shapes in between.");
        Line("");
        Line("| network | batch | p50 ms | p95 | difference | after other shapes | not replayed, because |");
        Line("|---|---|---|---|---|---|---|");
        var wrongs = 0;
        foreach (var one in fixture.Run(runs, CudaRuntime.Of(gpu)))
        {
            wrongs += one.Difference <= GpuFixture.Limit && one.AfterOthers is not > GpuFixture.Limit ? 0 : 1;
            var (p50, p95) = one.Times.Count == 0 ? (double.NaN, double.NaN) : (GpuBench.P(one.Times, 0.5), GpuBench.P(one.Times, 0.95));
            Line(FormattableString.Invariant($"| {one.Network} | {one.Batch} | {p50:0.00} | {p95:0.00} | {one.Difference:0.00000} |") +
                FormattableString.Invariant($" {one.AfterOthers:0.00000} | {one.Refused} |"));
        }
        Line("");
        Line("| case | step p50 ms | p95 | pictures a second | |");
        Line("|---|---|---|---|---|");
        foreach (var (name, spec) in new[] { ("1 step", """{ "steps": [35] }"""), ("2 steps", """{ "steps": [35, 45] }""") })
        {
            var folder = GpuBench.Folder(Path.Combine(shapes, "pipeline"), spec);
            using (var model = ModelLoader.Load(folder, 0, TimeProvider.System))
            {
                var times = GpuBench.Steps(model, fixture.Side, frames);
                Line(FormattableString.Invariant($"| {name} | {GpuBench.P(times, 0.5):0.00} | {GpuBench.P(times, 0.95):0.00} |") +
                    FormattableString.Invariant($" {1000 * times.Count / times.Sum():0.0} | {model.Note} |"));
            }
            Directory.Delete(folder, recursive: true);
        }
        if (write)
            await File.AppendAllTextAsync(GpuBench.Results, text.ToString()).ConfigureAwait(false);
        if (wrongs == 0)
            return 0;
        await Console.Error.WriteLineAsync($"{wrongs} network(s) differ from PyTorch by more than {GpuFixture.Limit} as CUDA graphs: leave " +
            "cuda_graphs off.").ConfigureAwait(false);
        return 1;

        void Line(string line)
        {
            Console.WriteLine(line);
            text.Append(line).Append('\n');
        }
    }
}
