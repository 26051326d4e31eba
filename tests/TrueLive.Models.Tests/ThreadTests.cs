using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Onnx;
using TrueLive.Models.Tests.Onnx;

namespace TrueLive.Models.Tests;

[Collection(Alone.Name)]
public sealed class ThreadTests
{
    /// <summary>
    /// A clock that each reading advances: by <paramref name="first"/> for a number of readings, by 1000 for the next, and so on.
    /// </summary>
    private sealed class ScriptedClock(int turn, long first) : TimeProvider
    {
        private int _readings;
        private long _now;

        public override long GetTimestamp() => _now += _readings++ / turn % 2 == 0 ? first : 1000;
    }

    [Theory]
    [InlineData(1150, 2)]
    [InlineData(1050, 1)]
    [InlineData(700, 1)]
    public void The_thread_count_is_the_one_that_was_measured_to_be_clearly_faster(long oneThread, int chosen)
    {
        Assert.SkipWhen(Environment.ProcessorCount < 2, "One core leaves nothing to choose.");
        // One thread and two alternate in rounds of five steps, each step between two readings.
        using var model = OnnxVideoModel.Load(Repository.LiveTiny, 0, new ScriptedClock(10, oneThread));
        Assert.Equal(chosen, model.Threads);
    }

    [Fact]
    public void A_second_thread_that_has_nothing_to_do_takes_no_processor_time()
    {
        // Sums along a row run on one thread, so that the other one only waits; if it spun, it would use as much processor time as the
        // steps.
        var fused = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y", Element.Float, 1, 3, 0, 0).Whole("axis", [3L])
            .Constant("small", [1e-3f], 1);
        for (var i = 0; i < 20; i++)
            fused.Node("CumSum", [i == 0 ? "x" : $"s{i - 1}", "axis"], [$"s{i}"]);
        using var folder = new ModelFolder(fused.Node("Mul", ["s19", "small"], ["y"]).Bytes());
        var before = Threads();
        using var model = OnnxVideoModel.Load(folder.Path, 2, TimeProvider.System);
        using var session = model.CreateSession(256, 256);
        var workers = Threads().Except(before).ToArray();
        Assert.NotEmpty(workers);
        var pool = new FramePool("threads");
        using var input = Colours.Frame(pool, 256, 256, (0.5f, 0.5f, 0.5f));
        long Spent() => workers.Sum(Of);
        // A spinning thread uses as much processor time as the steps every time; other disturbances do not.
        var shares = new List<double>();
        for (var turn = 0; turn < 5; turn++)
        {
            var (from, cpu) = (Spent(), Environment.CpuUsage.TotalTime);
            for (var i = 0; i < 10; i++)
                session.Step(input, Prompt.None).Dispose();
            shares.Add((Spent() - from) / 1e6 / (Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds);
        }
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join(", ", shares.Select(s => $"{s:P0}")));
        Assert.True(shares.Min() < 0.25, $"The waiting thread took {shares.Min():P0} of the time.");
    }

    // 0 for a thread that has ended: not all that began meanwhile are the model's.
    private static long Of(string thread)
    {
        try
        {
            return long.Parse(File.ReadAllText($"{thread}/schedstat").Split(' ')[0], null);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static string[] Threads() => Directory.GetDirectories("/proc/self/task");
}
