using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Workers.Jail;
using TrueLive.Workers.Link;

namespace TrueLive.Workers;

/// <summary>
/// A model in a child process, which is restarted when it ends: at once, after one second, after four. If it ends more often within ten
/// minutes, it is not restarted until they are over.
/// </summary>
public sealed class WorkerModel : IVideoModel
{
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan EditInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan[] Pauses = [TimeSpan.Zero, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4)];

    private readonly WorkerSpec _spec;
    private readonly TimeProvider _time;
    private readonly FramePool _outputs = new("model output", 32);
    private readonly Lock _gate = new();
    private readonly HashSet<WorkerStream> _streams = [];
    private readonly Queue<long> _ends = new();
    private readonly ManualResetEventSlim _wake = new();
    private readonly TaskCompletionSource<string?> _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ITimer? _edits;
    private readonly Thread _thread;
    private WorkerRun? _run;

    // Set once the run has opened the streams that were there, so that each stream is opened once: by Began or by Open.
    private ReadyMessage? _ready;
    private string _stamps;
    private string _why = "It is starting.";
    private volatile bool _edited;
    private volatile bool _disposed;
    private volatile bool _gaveUp;
    private volatile ModelInfo _info;

    private WorkerModel(WorkerSpec spec, TimeProvider time)
    {
        (_spec, _time, _info) = (spec, time, spec.Info);
        _stamps = Stamps();
        _edits = spec.Reload ? time.CreateTimer(_ => LookForEdits(), null, EditInterval, EditInterval) : null;
        _thread = new Thread(Supervise) { IsBackground = true, Name = $"worker {spec.Info.Id}" };
        _thread.Start();
    }

    /// <inheritdoc/>
    public ModelInfo Info => _info;

    /// <summary>Output frames that have not been disposed yet; 0 when the model is idle.</summary>
    public int FramesOut => _outputs.Rented;

    /// <inheritdoc/>
    public TimeSpan ProcessorTimeElsewhere
    {
        get
        {
            lock (_gate)
                return _run?.ProcessorTime ?? TimeSpan.Zero;
        }
    }

    /// <summary>Id of the current process, in our own PID namespace; null while none has introduced itself.</summary>
    internal int? ProcessId
    {
        get
        {
            lock (_gate)
                return _run?.ProcessId;
        }
    }

    internal bool Reloads => _spec.Reload;

    internal bool GaveUp => _gaveUp;

    /// <summary>Whether a stream that is added now is opened at once. False as soon as the worker has closed its socket.</summary>
    internal bool IsReady => _ready is not null && _run is { Ready: not null };

    /// <summary>Starts a worker and waits until it is ready. With <see cref="WorkerSpec.Reload"/>, does not throw if it fails.</summary>
    /// <exception cref="WorkerException">The worker ended before it was ready, or cannot open a stream; the message says why.</exception>
    public static WorkerModel Load(WorkerSpec spec, TimeProvider time)
    {
        var model = new WorkerModel(spec, time);
        try
        {
            if (model._begun.Task.GetAwaiter().GetResult() is { } why && !spec.Reload)
                throw new WorkerException(why);
            var (width, height) = model.Info.Sizes.Nearest(spec.Info.Sizes.MinSide, spec.Info.Sizes.MinSide);
            using var stream = model.Open(width, height, out var closed);
            return closed is null || spec.Reload
                ? model
                : throw new WorkerException($"It does not open a stream of {width}x{height}: {closed}");
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public PromptReading Read(string text) => Info.TakesPrompt || string.IsNullOrWhiteSpace(text) ? PromptReading.Empty
        : PromptReading.Empty with { Understood = false, Confidence = 0, Note = $"{Info.Title} takes no prompt." };

    /// <inheritdoc/>
    public IModelSession CreateSession(int width, int height) => Info.Sizes.Nearest(width, height) == (width, height)
        ? Open(width, height, out _)
        : throw new ArgumentException($"{Info.Id} does not run at {width}x{height}; the nearest size is " +
            $"{Info.Sizes.Nearest(width, height)}.");

    /// <inheritdoc/>
    public void Dispose()
    {
        _edits?.Dispose();
        lock (_gate)
        {
            _disposed = true;
            _run?.End("The server is done with it.");
        }
        _wake.Set();
        _thread.Join();
        _wake.Dispose();
    }

    internal void Leave(WorkerStream stream)
    {
        lock (_gate)
            _streams.Remove(stream);
    }

    // If no process is ready, the stream is opened once one is; until then its steps throw.
    private WorkerStream Open(int width, int height, out string? whyNot)
    {
        var stream = new WorkerStream(this, _outputs, width, height, _time);
        lock (_gate)
        {
            _streams.Add(stream);
            if (IsReady)
                _run!.Open(stream, _ready!);
            else
                stream.Lose(_why);
        }
        whyNot = stream.OpenedOrWhyNot();
        return stream;
    }

    private void Supervise()
    {
        while (true)
        {
            using var run = new WorkerRun(_spec, _time);
            lock (_gate)
            {
                if (_disposed)
                    return;
                _run = run;
            }
            var why = run.Run(() => Began(run));
            lock (_gate)
            {
                (_run, _ready, _why) = (null, null, why);
                // Includes streams of earlier processes: their users need the most recent reason.
                foreach (var stream in _streams)
                    stream.Lose(why);
            }
            // If the first process never became ready, Load throws instead.
            var tell = !_begun.TrySetResult(why);
            if (!_disposed)
                Pause(tell ? why : null);
            (_edited, _gaveUp) = (false, false);
        }
    }

    private void Began(WorkerRun run)
    {
        var said = run.Ready!;
        _info = _spec.Info with { Chunk = new Chunk(said.Takes, said.Gives, said.Lag), HasMemory = said.Memory, TakesPrompt = said.Prompt };
        lock (_gate)
        {
            foreach (var stream in _streams)
                run.Open(stream, said);
            _ready = said;
        }
        _begun.TrySetResult(null);
    }

    private void Pause(string? why)
    {
        if (_edited)
        {
            Tell(why, TimeSpan.Zero);
            return;
        }
        var now = _time.GetTimestamp();
        while (_ends.TryPeek(out var first) && _time.GetElapsedTime(first, now) > Memory)
            _ends.Dequeue();
        _gaveUp = _ends.Count >= Pauses.Length && !_spec.Reload;
        var pause = _gaveUp ? Memory - _time.GetElapsedTime(_ends.Peek(), now) : Pauses[Math.Min(_ends.Count, Pauses.Length - 1)];
        if (!_gaveUp)
            _ends.Enqueue(now);
        // During development, a program that keeps ending is restarted only after the next edit.
        var waitsForEdit = _spec.Reload && _ends.Count > Pauses.Length;
        Tell(why, waitsForEdit ? null : pause);
        _wake.Reset();
        // An edit or Dispose may have set the event before it was reset.
        if (_edited || _disposed)
            return;
        using var timer = waitsForEdit ? null : _time.CreateTimer(_ => _wake.Set(), null, pause, Timeout.InfiniteTimeSpan);
        _wake.Wait();
    }

    private void Tell(string? why, TimeSpan? pause)
    {
        if (why is not null)
            _spec.Ended?.Invoke(new WorkerEnd(_spec.Info.Id, why, pause));
    }

    private void LookForEdits()
    {
        var now = Stamps();
        if (Interlocked.Exchange(ref _stamps, now) == now)
            return;
        _edited = true;
        lock (_gate)
            _run?.End("A file in its folder was changed.");
        _wake.Set();
    }

    // Authors edit files in the folder itself or directly below it; hidden folders hold environments and caches.
    private string Stamps()
    {
        if (!_spec.Reload)
            return "";
        try
        {
            var folder = new DirectoryInfo(_spec.Command.Folder);
            var below = folder.EnumerateDirectories().Where(d => !d.Name.StartsWith('.') && d.Name != "__pycache__")
                .SelectMany(d => d.EnumerateFiles());
            return string.Join('\n', folder.EnumerateFiles().Concat(below).Where(f => f.Extension is ".py" or ".json" or ".toml" or ".txt")
                .Select(f => $"{f.FullName} {f.LastWriteTimeUtc.Ticks} {f.Length}").Order(StringComparer.Ordinal));
        }
        catch (IOException)
        {
            // The file is missing for a moment while an editor replaces it.
            return _stamps;
        }
    }
}
