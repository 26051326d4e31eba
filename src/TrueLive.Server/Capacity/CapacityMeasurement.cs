using System.Collections.Concurrent;
using System.Collections.ObjectModel;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Codecs;
using TrueLive.Media.Isolated;
using TrueLive.Models.Devices;
using TrueLive.Models.Masks;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Capacity;

/// <summary>
/// Measures what a frame costs with a model at a size, so that admission knows what the machine holds: the default model at the default
/// size once the server listens; another when it is first asked for, before its session begins, or when the machine has been idle for
/// <see cref="IdleTime"/>. A few sizes of each model stand for all others, so that nobody can have many measured. Runs the real step,
/// encoder and decoder on a made scene, alone for the time of a step, then two side by side for the processor time of a frame: each time
/// the first <see cref="WarmUp"/> frames are thrown away, then it runs for <see cref="MinFrames"/> frames or <see cref="MaxTime"/>. A
/// model that takes chunks is measured by whole ones, since most of its steps only take a frame in. Processor time is that of the process,
/// less what the frames of running sessions are known to take; other work makes the figure higher, never lower, and a figure taken beside
/// sessions is taken again when the machine is idle. What packets and encryption cost comes out of the share that
/// <see cref="Admission"/> leaves free.
/// </summary>
internal sealed partial class CapacityMeasurement(
    ModelStore models, Admission admission, ServerOptions options, TimeProvider time, ILogger<CapacityMeasurement> logger)
        : BackgroundService
{
    /// <summary>Time without work after which what is still unknown is measured, one size at a time.</summary>
    public static readonly TimeSpan IdleTime = TimeSpan.FromMinutes(1);

    private const int MinFrames = 12;
    private const int WarmUp = 4;
    private const int Bitrate = 1_500_000;
    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(1);

    // A model whose step never ends keeps nobody waiting for ever.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan IdleLook = TimeSpan.FromSeconds(10);
    private static readonly (int Width, int Height)[] Sizes = [(384, 216), (512, 288), (640, 360)];

    private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<(string Model, int Width, int Height), Lazy<Task>> _known = new();
    private readonly SemaphoreSlim _turn = new(1);
    private volatile bool _running;

    /// <summary>Work that is done first, since beside the measurement it would count as a cost of the frames.</summary>
    public Func<CancellationToken, Task> Before { get; init; } = _ => Task.CompletedTask;

    /// <summary>
    /// By session, the processor time in milliseconds that the frames of live sessions have taken so far, as they were measured.
    /// </summary>
    public Func<IReadOnlyDictionary<string, double>> Live { get; init; } = () => ReadOnlyDictionary<string, double>.Empty;

    /// <summary>Somebody uses the server now.</summary>
    public Func<bool> Busy { get; init; } = () => false;

    /// <summary>Completes when the default model is measured at the default size.</summary>
    public Task Finished => _finished.Task;

    /// <summary>A measurement runs: clips stand still meanwhile.</summary>
    public bool Running => _running;

    /// <summary>The sizes of a model that are measured and stand for all others.</summary>
    public IReadOnlyList<(int Width, int Height)> SizesOf(IVideoModel model) =>
        [.. Sizes.Prepend(options.SizePixels).Select(s => model.Info.Sizes.Nearest(s.Width, s.Height)).Distinct()];

    /// <summary>There is no figure for the model at this one of its <see cref="SizesOf"/>: it was not measured yet, or it failed.</summary>
    public bool Lacks(IVideoModel model, (int Width, int Height) size, out bool failed)
    {
        failed = _known.TryGetValue((model.Info.Id, size.Width, size.Height), out var known) && known.IsValueCreated
            && known.Value.IsCompleted;
        return !admission.Costs.Any(c => (c.ModelId, c.Width, c.Height) == (model.Info.Id, size.Width, size.Height));
    }

    /// <summary>
    /// Waits until the model is measured at the size that stands for the given one, and measures it first where nobody has. Gives up
    /// waiting, not measuring, after <see cref="Patience"/>.
    /// </summary>
    public async Task KnowAsync(IVideoModel model, int width, int height, CancellationToken cancel)
    {
        var size = SizesOf(model).MinBy(s => Math.Abs(s.Width * s.Height - width * height));
        try
        {
            await KnownAsync(model, size).WaitAsync(Patience, time, cancel).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
        }
    }

    /// <summary>Waits for the measurement that runs, since the models are freed next; none begins after it.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Before(stoppingToken).ConfigureAwait(false);
            var (width, height) = options.SizePixels;
            await KnownAsync(models.Default, models.Default.Info.Sizes.Nearest(width, height)).WaitAsync(stoppingToken)
                .ConfigureAwait(false);
            if (models.All.Any(m => m is MaskedModel))
                await LearnMaskAsync().WaitAsync(stoppingToken).ConfigureAwait(false);
            // The measurement's memory is collected at once, not piece by piece during the first sessions.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            _finished.TrySetResult();
            await MeasureWhenIdleAsync(stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
        }
        finally
        {
            _finished.TrySetResult();
        }
    }

    private async Task MeasureWhenIdleAsync(CancellationToken stop)
    {
        var busyAt = time.GetTimestamp();
        while (true)
        {
            await Task.Delay(IdleLook, time, stop).ConfigureAwait(false);
            if (Busy())
                busyAt = time.GetTimestamp();
            if (time.GetElapsedTime(busyAt) < IdleTime || Next() is not var (model, size))
                continue;
            var cold = MaskedModel.Bare(model) is OnDemandModel { IsWarm: false } unloaded ? unloaded : null;
            await KnownAsync(model, size).WaitAsync(stop).ConfigureAwait(false);
            cold?.TryUnload();
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
    }

    // A size that nobody has asked for, or one whose figure was taken beside live sessions. Of a model that is not loaded the first one is
    // enough, and only where no other model has to go for it.
    private (IVideoModel Model, (int Width, int Height) Size)? Next()
    {
        foreach (var model in models.All.Where(m => MaskedModel.Bare(m) is not OnDemandModel { IsWarm: false } cold
            || models.Memory?.HasRoomFor(cold) == true))
        {
            foreach (var size in SizesOf(model))
            {
                var key = (model.Info.Id, size.Width, size.Height);
                if (admission.Costs.Any(c => (c.ModelId, c.Width, c.Height) == key && c.Beside > 0))
                    _known.TryRemove(key, out _);
                if (!_known.ContainsKey(key))
                    return (model, size);
                if (MaskedModel.Bare(model) is OnDemandModel { IsWarm: false })
                    break;
            }
        }
        return null;
    }

    private Task KnownAsync(IVideoModel model, (int Width, int Height) size) =>
        _known.GetOrAdd((model.Info.Id, size.Width, size.Height),
            _ => new Lazy<Task>(() => Task.Run(() => LearnAsync(model, size.Width, size.Height)))).Value;

    private async Task LearnAsync(IVideoModel model, int width, int height)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        _running = true;
        try
        {
            var cost = await MeasureAsync(model, width, height).ConfigureAwait(false);
            admission.Learn(cost);
            LogCost(cost.ModelId, cost.Width, cost.Height, cost.StepMs, cost.CpuMs, cost.Frames, admission.Capacity(model, width, height),
                admission.TargetRate);
        }
        catch (Exception error)
        {
            // A model may throw anything, and its figure is all that is lost.
            LogFailed(model.Info.Id, width, height, error);
        }
        finally
        {
            _running = false;
            _turn.Release();
        }
    }

    // A mask costs the same with each model, so it is measured around one that costs nothing, with the dearest of what is shown elsewhere.
    private async Task LearnMaskAsync()
    {
        var (small, large) = ((Width: 384, Height: 216), (Width: 1280, Height: 720));
        await _turn.WaitAsync().ConfigureAwait(false);
        _running = true;
        try
        {
            using var masked = MaskedModel.Of(new PassthroughModel(), time);
            var blurred = Prompt.None with
            { Values = ParameterValues.Of(masked.Info.Parameters, [new(KeepMask.RestId, KeepMask.Name(MaskRest.Blur))]) };
            var (first, second) = (await CostAsync(small).ConfigureAwait(false), await CostAsync(large).ConfigureAwait(false));
            var pixel = Math.Max(0, (second.Ms - first.Ms) / (large.Width * large.Height - small.Width * small.Height));
            admission.Learn(new MaskCost(Math.Max(0, first.Ms - pixel * small.Width * small.Height), pixel, first.Frames + second.Frames));

            async Task<(double Ms, int Frames)> CostAsync((int Width, int Height) size)
            {
                var (walls, cpu) = await RunAsync(masked, size.Width, size.Height, Math.Min(2, admission.Cores), blurred)
                    .ConfigureAwait(false);
                return (cpu / walls.Count, walls.Count);
            }
        }
        catch (Exception error)
        {
            LogFailed("mask", large.Width, large.Height, error);
        }
        finally
        {
            _running = false;
            _turn.Release();
        }
    }

    private async Task<FrameCost> MeasureAsync(IVideoModel model, int width, int height)
    {
        var before = Live();
        var (walls, _) = await RunAsync(model, width, height, lanes: 1).ConfigureAwait(false);
        var freeAfterOne = CudaMemory.Free;
        // A machine that holds several sessions runs their steps side by side, and a crowded step costs less than one spread over the
        // cores.
        var (all, cpu) = await RunAsync(model, width, height, Math.Min(2, admission.Cores)).ConfigureAwait(false);
        // The runtime keeps what the first one took, so that the second one shows what another session needs.
        var deviceBytes = Math.Max(0, freeAfterOne - CudaMemory.Free ?? 0);
        walls.Sort();
        var taken = all.Count * model.Info.Chunk.Takes;
        return new FrameCost(
            model.Info.Id, width, height, Math.Round(walls[walls.Count / 2] / model.Info.Chunk.Gives, 2), Math.Round(cpu / taken, 2),
            walls.Count * model.Info.Chunk.Takes + taken, Live().Keys.Union(before.Keys).Count())
        {
            Device = ModelStore.DeviceOf(model),
            DeviceBytes = deviceBytes,
        };
    }

    // Wall times of the chunks of all lanes, and the processor time in which their frames went through, in milliseconds. With a prompt only
    // the steps under it are run.
    private async Task<(List<double> Walls, double Cpu)> RunAsync(IVideoModel model, int width, int height, int lanes, Prompt? only = null)
    {
        var all = new List<Lane>();
        try
        {
            for (var i = 0; i < lanes; i++)
            {
                var isolated = options.IsolateDecoders && only is null ? new IsolatedDecoder(time) : null;
                try
                {
                    all.Add(await Lane.MakeAsync(model, width, height, admission.TargetRate, isolated, only)
                        .ConfigureAwait(false));
                }
                catch
                {
                    isolated?.Dispose();
                    throw;
                }
            }
            await OnThreadsOfTheirOwn(all, lane => lane.Run(time, WarmUp + model.Info.Chunk.Held)).ConfigureAwait(false);
            var (live, began) = (Live(), Spent());
            var walls = await OnThreadsOfTheirOwn(all, lane => lane.Run(time, MinFrames)).ConfigureAwait(false);
            var cpu = (Spent() - began).TotalMilliseconds;
            return ([.. walls.SelectMany(w => w)], cpu - Math.Min(cpu / 2,
                Live().Sum(s => s.Value - live.GetValueOrDefault(s.Key, s.Value))));
        }
        finally
        {
            foreach (var lane in all)
                lane.Dispose();
        }

        TimeSpan Spent() => Environment.CpuUsage.TotalTime + model.ProcessorTimeElsewhere
            + all.Aggregate(TimeSpan.Zero, (sum, lane) => sum + lane.ProcessorTimeElsewhere);
    }

    private static Task<List<double>[]> OnThreadsOfTheirOwn(List<Lane> lanes, Func<Lane, List<double>> work) =>
        Task.WhenAll(lanes.Select(lane => Task.Factory.StartNew(() => work(lane), CancellationToken.None, TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));

    private sealed class Lane(IVideoModel model, int width, int height, int rate, IsolatedDecoder? isolated, Prompt? only) : IDisposable
    {
        private readonly FramePool _pool = new("capacity measurement");
        private readonly ILiveDecoder _decoder = isolated ?? (ILiveDecoder)new VideoDecoder();
        private readonly IModelSession _session = model.CreateSession(width, height);
        private readonly VideoEncoder _encoder = new(VideoCodec.H264, Bitrate, rate);
        private readonly List<VideoFrame> _scene = [];
        private readonly int _takes = model.Info.Chunk.Takes;
        private readonly MadeFrame[] _made = new MadeFrame[model.Info.Chunk.Gives];
        private uint _frames;
        private uint _coded;

        public static async Task<Lane> MakeAsync(IVideoModel model, int width, int height, int rate, IsolatedDecoder? isolated,
            Prompt? only)
        {
            var lane = new Lane(model, width, height, rate, isolated, only);
            // Drawn beforehand: a camera costs the server nothing.
            var scene = new MovingScene(width, height, rate, lane._pool);
            for (var n = 0; n < WarmUp; n++)
                lane._scene.Add((await scene.ReadAsync(CancellationToken.None).ConfigureAwait(false))!);
            return lane;
        }

        /// <summary>Processor time of its decode process so far.</summary>
        public TimeSpan ProcessorTimeElsewhere => (_decoder as IsolatedDecoder)?.ProcessorTime ?? TimeSpan.Zero;

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
            // Under a revision of its own a frame is made, though it is like the last.
            var count = _session.Step(_scene[(int)(_frames++ % WarmUp)], (only ?? Prompt.None) with { Revision = _frames }, _made);
            var step = time.GetElapsedTime(from);
            foreach (var one in _made.AsSpan(0, count))
            {
                using var output = one.Frame;
                if (only is null && _encoder.TryEncode(output, false, _coded++ * 3000, out var coded))
                    _decoder.DecodeAsync(coded, _pool, CancellationToken.None).AsTask().GetAwaiter().GetResult()?.Dispose();
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

    [LoggerMessage(EventId = 1001, EventName = "capacity_measured", Level = LogLevel.Information,
        Message = "{Model} at {Width}x{Height}: {StepMs} ms of steps and {CpuMs} ms of processor time a frame (n={Frames}): {Sessions} " +
        "live session(s) at {Rate} fps.")]
    private partial void LogCost(string model, int width, int height, double stepMs, double cpuMs, int frames, int sessions, int rate);

    [LoggerMessage(EventId = 1002, EventName = "capacity_failed", Level = LogLevel.Warning,
        Message = "{Model} at {Width}x{Height} failed while it was measured.")]
    private partial void LogFailed(string model, int width, int height, Exception error);
}
