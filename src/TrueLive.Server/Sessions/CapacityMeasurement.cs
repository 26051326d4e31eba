using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Codecs;
using TrueLive.Server.Configuration;
using TrueLive.Server.Transports;

namespace TrueLive.Server.Sessions;

/// <summary>
/// Measures, once the server listens, what a frame costs with each model, so that admission knows what the machine holds. Runs the
/// real step, encoder and decoder on a made scene, alone for the time of a step, then two side by side for the processor time of a frame:
/// each time the first <see cref="WarmUp"/> frames are thrown away, then it runs for <see cref="MinFrames"/> frames or
/// <see cref="MaxTime"/>. Processor time is that of the process, so that work beside it makes the figure higher, never lower; what
/// packets and encryption cost comes out of the share that <see cref="Admission"/> leaves free.
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
        var walls = Run(model, width, height, lanes: 1).Walls;
        // A machine that holds several sessions runs their steps side by side, and a crowded step costs less than one spread over the cores.
        var (all, cpu) = Run(model, width, height, Math.Min(2, admission.Cores));
        walls.Sort();
        return new FrameCost(model.Info.Id, width, height, Math.Round(walls[walls.Count / 2], 2), Math.Round(cpu.TotalMilliseconds / all.Count, 2), walls.Count + all.Count);
    }

    // Wall times of the steps of all lanes, and the processor time in which their frames went through.
    private (List<double> Walls, TimeSpan Cpu) Run(IVideoModel model, int width, int height, int lanes)
    {
        var (walls, cpu) = (new List<double>(), new TimeSpan[2]);
        using var together = new Barrier(lanes, b => cpu[Math.Min(1, b.CurrentPhaseNumber)] = Environment.CpuUsage.TotalTime);
        Parallel.For(0, lanes, new ParallelOptions { MaxDegreeOfParallelism = lanes }, _ =>
        {
            try
            {
                using var lane = new Lane(model, width, height, admission.TargetRate);
                for (var n = 0; n < WarmUp; n++)
                    lane.Frame(time);
                together.SignalAndWait();
                var (own, began) = (new List<double>(), time.GetTimestamp());
                while (own.Count < MinFrames && (own.Count == 0 || time.GetElapsedTime(began) < MaxTime))
                    own.Add(lane.Frame(time).TotalMilliseconds);
                together.SignalAndWait();
                lock (walls)
                    walls.AddRange(own);
            }
            catch
            {
                together.RemoveParticipant();
                throw;
            }
        });
        return (walls, cpu[1] - cpu[0]);
    }

    private sealed class Lane : IDisposable
    {
        private readonly FramePool _pool = new("capacity measurement");
        private readonly VideoDecoder _decoder = new();
        private readonly IModelSession _session;
        private readonly VideoEncoder _encoder;
        private readonly VideoFrame[] _scene;
        private uint _frames;

        public Lane(IVideoModel model, int width, int height, int rate)
        {
            _session = model.CreateSession(width, height);
            _encoder = new VideoEncoder(VideoCodec.H264, Bitrate, rate);
            // Drawn beforehand: a camera costs the server nothing. The scene is made at once, never later.
            var scene = new MovingScene(width, height, rate, _pool);
            _scene = [.. Enumerable.Range(0, WarmUp).Select(_ => scene.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult()!)];
        }

        /// <summary>One frame through the step, and one encode and decode of the same size for those of the session; the time of the step.</summary>
        public TimeSpan Frame(TimeProvider time)
        {
            var from = time.GetTimestamp();
            using var output = _session.Step(_scene[_frames++ % WarmUp], Prompt.None);
            var step = time.GetElapsedTime(from);
            if (_encoder.TryEncode(output, false, _frames * 3000, out var coded))
                _decoder.Decode(coded, _pool)?.Dispose();
            return step;
        }

        public void Dispose()
        {
            foreach (var frame in _scene)
                frame.Dispose();
            _session.Dispose();
            _encoder.Dispose();
            _decoder.Dispose();
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Model} at {Width}x{Height}: {StepMs} ms a step, {CpuMs} ms of processor time a frame (n={Frames}): {Sessions} live session(s) at {Rate} fps.")]
    private partial void LogCost(string model, int width, int height, double stepMs, double cpuMs, int frames, int sessions, int rate);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Model} at {Width}x{Height} failed while it was measured.")]
    private partial void LogFailed(string model, int width, int height, Exception error);
}
