using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Sessions;

/// <summary>
/// Measures, once the server listens, what a frame costs with each model, so that admission knows what the machine holds. Runs the
/// real step on a made picture: the first steps are thrown away, then steps run for at least <see cref="MinFrames"/> frames or
/// <see cref="MaxTime"/>. Processor time is that of the process, so work beside it makes the figure higher, never lower.
/// </summary>
internal sealed partial class CapacityMeasurement(
    ModelShelf models, Admission admission, ServerOptions options, TimeProvider time, ILogger<CapacityMeasurement> logger) : BackgroundService
{
    private const int MinFrames = 12;
    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(1);
    private static readonly (int Width, int Height)[] Sizes = [(384, 216), (512, 288), (640, 360)];
    private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when all models are measured.</summary>
    public Task Finished => _finished.Task;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Task.Factory.StartNew(() => MeasureAll(stoppingToken), stoppingToken, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
        }
        finally
        {
            _finished.TrySetResult();
        }
    }

    private void MeasureAll(CancellationToken stop)
    {
        foreach (var model in models.All)
        {
            foreach (var (width, height) in Sizes.Append(options.SizePixels).Select(s => model.Info.Sizes.Nearest(s.Width, s.Height)).Distinct())
            {
                stop.ThrowIfCancellationRequested();
                try
                {
                    var cost = Measure(model, width, height);
                    admission.Learn(cost);
                    LogCost(cost.ModelId, cost.Width, cost.Height, cost.StepMs, cost.CpuMs, cost.Frames, admission.Capacity(model, width, height), admission.TargetRate);
                }
                catch (ModelStepException error)
                {
                    LogFailed(model.Info.Id, width, height, error);
                }
            }
        }
    }

    private FrameCost Measure(IVideoModel model, int width, int height)
    {
        var pool = new FramePool("capacity measurement");
        using var session = model.CreateSession(width, height);
        using var input = pool.Rent(width, height);
        Paint(input);
        for (var i = 0; i < 4; i++)
            session.Step(input, Prompt.None).Dispose();
        var walls = new List<double>();
        var cpus = new List<double>();
        var began = time.GetTimestamp();
        while (walls.Count < MinFrames && time.GetElapsedTime(began) < MaxTime)
        {
            var (from, cpu) = (time.GetTimestamp(), Environment.CpuUsage.TotalTime);
            session.Step(input, Prompt.None).Dispose();
            walls.Add(time.GetElapsedTime(from).TotalMilliseconds);
            cpus.Add((Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds);
        }
        walls.Sort();
        cpus.Sort();
        return new FrameCost(
            model.Info.Id, width, height, Math.Round(walls[walls.Count / 2], 2), Math.Round(cpus[cpus.Count / 2] + CodecMs(width, height), 2), walls.Count);
    }

    // Decode and encode of H.264 on this machine class: 0.31 + 0.95 ms at 640x360, in proportion to pixels; packets and SRTP about 1 ms.
    private static double CodecMs(int width, int height) => 1 + 1.26 * width * height / (640.0 * 360.0);

    private static void Paint(VideoFrame frame)
    {
        var y = frame.Y;
        for (var i = 0; i < y.Length; i++)
            y[i] = (byte)(i * 7 + i / frame.StrideY * 3);
        frame.U.Fill(110);
        frame.V.Fill(140);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Model} at {Width}x{Height}: {StepMs} ms a step, {CpuMs} ms of processor time a frame (n={Frames}): {Sessions} live session(s) at {Rate} fps.")]
    private partial void LogCost(string model, int width, int height, double stepMs, double cpuMs, int frames, int sessions, int rate);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Model} at {Width}x{Height} failed while it was measured.")]
    private partial void LogFailed(string model, int width, int height, Exception error);
}
