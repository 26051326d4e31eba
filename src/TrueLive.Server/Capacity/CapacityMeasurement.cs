using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Codecs;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Capacity;

/// <summary>
/// Measures, once the server listens, what a frame costs with each model, so that admission knows what the machine holds. Runs the
/// real step, encoder and decoder on a made scene, alone for the time of a step, then two side by side for the processor time of a frame:
/// each time the first <see cref="WarmUp"/> frames are thrown away, then it runs for <see cref="MinFrames"/> frames or
/// <see cref="MaxTime"/>. A model that takes chunks is measured by whole ones, since most of its steps only take a frame in. Processor time is that of the process, so that work beside it makes the figure higher, never lower; what
/// packets and encryption cost comes out of the share that <see cref="Admission"/> leaves free.
/// </summary>
internal sealed partial class CapacityMeasurement(
    ModelStore models, Admission admission, ServerOptions options, TimeProvider time, ILogger<CapacityMeasurement> logger) : BackgroundService
{
    private const int MinFrames = 12;
    private const int WarmUp = 4;
    private const int Bitrate = 1_500_000;
    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(1);
    private static readonly (int Width, int Height)[] Sizes = [(384, 216), (512, 288), (640, 360)];
    private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Work that is done first, since beside the measurement it would count as a cost of the frames.</summary>
    public Func<CancellationToken, Task> Before { get; init; } = _ => Task.CompletedTask;

    /// <summary>Completes when all models are measured.</summary>
    public Task Finished => _finished.Task;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Before(stoppingToken).ConfigureAwait(false);
            await MeasureAllAsync(stoppingToken).ConfigureAwait(false);
            // The measurement's memory is collected at once, not piece by piece during the first sessions.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
        catch (OperationCanceledException)
        {
        }
        finally
        {
            admission.Complete();
            _finished.TrySetResult();
        }
    }

    private async Task MeasureAllAsync(CancellationToken stop)
    {
        foreach (var model in models.All)
        {
            foreach (var (width, height) in Sizes.Append(options.SizePixels).Select(s => model.Info.Sizes.Nearest(s.Width, s.Height)).Distinct())
            {
                stop.ThrowIfCancellationRequested();
                try
                {
                    var cost = await MeasureAsync(model, width, height).ConfigureAwait(false);
                    admission.Learn(cost);
                    LogCost(cost.ModelId, cost.Width, cost.Height, cost.StepMs, cost.CpuMs, cost.Frames, admission.Capacity(model, width, height), admission.TargetRate);
                }
                catch (Exception error) when (error is not OperationCanceledException)
                {
                    // A model may throw anything, and an exception here would end the server.
                    LogFailed(model.Info.Id, width, height, error);
                }
            }
        }
    }

    private async Task<FrameCost> MeasureAsync(IVideoModel model, int width, int height)
    {
        var (walls, _) = await RunAsync(model, width, height, lanes: 1).ConfigureAwait(false);
        // A machine that holds several sessions runs their steps side by side, and a crowded step costs less than one spread over the
        // cores.
        var (all, cpu) = await RunAsync(model, width, height, Math.Min(2, admission.Cores)).ConfigureAwait(false);
        walls.Sort();
        var taken = all.Count * model.Info.Chunk.Takes;
        return new FrameCost(
            model.Info.Id, width, height, Math.Round(walls[walls.Count / 2] / model.Info.Chunk.Gives, 2), Math.Round(cpu.TotalMilliseconds / taken, 2),
            walls.Count * model.Info.Chunk.Takes + taken);
    }

    // Wall times of the chunks of all lanes in milliseconds, and the processor time in which their frames went through.
    private async Task<(List<double> Walls, TimeSpan Cpu)> RunAsync(IVideoModel model, int width, int height, int lanes)
    {
        var all = new List<Lane>();
        try
        {
            for (var i = 0; i < lanes; i++)
                all.Add(await Lane.MakeAsync(model, width, height, admission.TargetRate).ConfigureAwait(false));
            await OnThreadsOfTheirOwn(all, lane => lane.Run(time, WarmUp + model.Info.Chunk.Held)).ConfigureAwait(false);
            var cpu = Environment.CpuUsage.TotalTime + model.ProcessorTimeElsewhere;
            var walls = await OnThreadsOfTheirOwn(all, lane => lane.Run(time, MinFrames)).ConfigureAwait(false);
            return ([.. walls.SelectMany(w => w)], Environment.CpuUsage.TotalTime + model.ProcessorTimeElsewhere - cpu);
        }
        finally
        {
            foreach (var lane in all)
                lane.Dispose();
        }
    }

    private static Task<List<double>[]> OnThreadsOfTheirOwn(List<Lane> lanes, Func<Lane, List<double>> work) =>
        Task.WhenAll(lanes.Select(lane => Task.Factory.StartNew(() => work(lane), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

    private sealed class Lane(IVideoModel model, int width, int height, int rate) : IDisposable
    {
        private readonly FramePool _pool = new("capacity measurement");
        private readonly VideoDecoder _decoder = new();
        private readonly IModelSession _session = model.CreateSession(width, height);
        private readonly VideoEncoder _encoder = new(VideoCodec.H264, Bitrate, rate);
        private readonly List<VideoFrame> _scene = [];
        private readonly int _takes = model.Info.Chunk.Takes;
        private readonly MadeFrame[] _made = new MadeFrame[model.Info.Chunk.Gives];
        private uint _frames;
        private uint _coded;

        public static async Task<Lane> MakeAsync(IVideoModel model, int width, int height, int rate)
        {
            var lane = new Lane(model, width, height, rate);
            // Drawn beforehand: a camera costs the server nothing.
            var scene = new MovingScene(width, height, rate, lane._pool);
            for (var n = 0; n < WarmUp; n++)
                lane._scene.Add((await scene.ReadAsync(CancellationToken.None).ConfigureAwait(false))!);
            return lane;
        }

        /// <summary>
        /// Chunks of some frames, fewer when they take longer than <see cref="MaxTime"/>; the time of each in milliseconds.
        /// </summary>
        public List<double> Run(TimeProvider time, int frames)
        {
            var (chunks, began) = (new List<double>(), time.GetTimestamp());
            while (chunks.Count * _takes < frames && (chunks.Count == 0 || time.GetElapsedTime(began) < MaxTime))
                chunks.Add(Enumerable.Range(0, _takes).Sum(_ => Frame(time).TotalMilliseconds));
            return chunks;
        }

        // One frame through the step, and an encode and decode of the same size for those of the session; the time of the step.
        private TimeSpan Frame(TimeProvider time)
        {
            var from = time.GetTimestamp();
            var count = _session.Step(_scene[(int)(_frames++ % WarmUp)], Prompt.None, _made);
            var step = time.GetElapsedTime(from);
            foreach (var one in _made.AsSpan(0, count))
            {
                using var output = one.Frame;
                if (_encoder.TryEncode(output, false, _coded++ * 3000, out var coded))
                    _decoder.Decode(coded, _pool)?.Dispose();
            }
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

    [LoggerMessage(EventId = 1001, EventName = "capacity_measured", Level = LogLevel.Information, Message = "{Model} at {Width}x{Height}: {StepMs} ms of steps and {CpuMs} ms of processor time a frame (n={Frames}): {Sessions} live session(s) at {Rate} fps.")]
    private partial void LogCost(string model, int width, int height, double stepMs, double cpuMs, int frames, int sessions, int rate);

    [LoggerMessage(EventId = 1002, EventName = "capacity_failed", Level = LogLevel.Warning, Message = "{Model} at {Width}x{Height} failed while it was measured.")]
    private partial void LogFailed(string model, int width, int height, Exception error);
}
