using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Codecs;
using TrueLive.Server.Configuration;
using TrueLive.Server.Transports;

namespace TrueLive.Server.Sessions;

/// <summary>
/// Measures, once the server listens, what a frame costs with each model, so that admission knows what the machine holds. Runs the
/// real step, encoder and decoder on a made scene: the first <see cref="WarmUp"/> frames are thrown away, then it runs for
/// <see cref="MinFrames"/> frames or <see cref="MaxTime"/>. Processor time is that of the process, so that work beside it makes the
/// figure higher, never lower; what packets and encryption cost comes out of the share that <see cref="Admission"/> leaves free.
/// </summary>
internal sealed partial class CapacityMeasurement(
    ModelShelf models, Admission admission, WebRtcPort port, ServerOptions options, TimeProvider time, ILogger<CapacityMeasurement> logger) : BackgroundService
{
    private const int MinFrames = 12;
    private const int WarmUp = 4;
    private const int Bitrate = 1_500_000;
    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(1);
    private static readonly (int Width, int Height)[] Sizes = [(384, 216), (512, 288), (640, 360)];
    private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when all models are measured.</summary>
    public Task Finished => _finished.Task;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await port.WarmUpAsync(time, stoppingToken).ConfigureAwait(false);
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
        using var encoder = new VideoEncoder(VideoCodec.H264, Bitrate, admission.TargetRate);
        using var decoder = new VideoDecoder();
        var scene = new MovingScene(width, height, admission.TargetRate, pool);
        var (walls, cpus) = (new List<double>(), new List<double>());
        var began = time.GetTimestamp();
        for (var n = 0; walls.Count < MinFrames && (walls.Count == 0 || time.GetElapsedTime(began) < MaxTime); n++)
        {
            // The scene is made at once, never later.
            using var input = scene.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult()!;
            var (from, cpu) = (time.GetTimestamp(), Environment.CpuUsage.TotalTime);
            using var output = session.Step(input, Prompt.None);
            var wall = time.GetElapsedTime(from);
            // One encode and one decode of the same size stand for the decode of the input and the encode of the output.
            if (encoder.TryEncode(output, false, (uint)(n * 3000), out var coded))
                decoder.Decode(coded, pool)?.Dispose();
            if (n < WarmUp)
                continue;
            walls.Add(wall.TotalMilliseconds);
            cpus.Add((Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds);
        }
        walls.Sort();
        cpus.Sort();
        return new FrameCost(
            model.Info.Id, width, height, Math.Round(walls[walls.Count / 2], 2), Math.Round(cpus[cpus.Count / 2], 2), walls.Count);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Model} at {Width}x{Height}: {StepMs} ms a step, {CpuMs} ms of processor time a frame (n={Frames}): {Sessions} live session(s) at {Rate} fps.")]
    private partial void LogCost(string model, int width, int height, double stepMs, double cpuMs, int frames, int sessions, int rate);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Model} at {Width}x{Height} failed while it was measured.")]
    private partial void LogFailed(string model, int width, int height, Exception error);
}
