using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Devices;
using TrueLive.Models.Manifest;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Capacity;

/// <summary>
/// A model of a folder that is loaded when it is first used, and may be unloaded while nobody uses it: what it declares is known without.
/// Thread-safe. Whatever loads it throws <see cref="RequestRefusedException"/> where that fails or there is no room.
/// </summary>
internal sealed class OnDemandModel(
    ModelManifest manifest, ServerOptions options, ModelMemory memory, TimeProvider time, TextWriter complaints, WorkerLog workers)
        : IVideoModel
{
    // The runtime keeps the weights as they are in the file, and packs those of convolutions and products once more.
    private const int Copies = 2;

    private readonly Lock _gate = new();
    private FolderModel? _model;
    private int _users;
    private volatile bool _broken;

    // What a worker says of itself is known once it has run.
    private volatile ModelInfo _info = manifest.Describe();

    /// <inheritdoc/>
    public ModelInfo Info => Volatile.Read(ref _model)?.Info ?? _info;

    /// <summary>Memory that its weights take while it is loaded, as its files let expect.</summary>
    public long Bytes => FileBytes * Copies;

    /// <summary>Bytes of its files.</summary>
    public long FileBytes { get; } = manifest.FileBytes();

    /// <inheritdoc/>
    public TimeSpan ProcessorTimeElsewhere => Volatile.Read(ref _model)?.ProcessorTimeElsewhere ?? default;

    /// <summary>It is loaded.</summary>
    public bool IsWarm => Volatile.Read(ref _model) is not null;

    /// <summary>It could not be loaded, and is not tried again.</summary>
    public bool IsBroken => _broken;

    /// <summary>Threads of a step; 1 while it is not loaded.</summary>
    public int Threads => Volatile.Read(ref _model)?.Threads ?? 1;

    /// <summary>What its steps run on; the processor while it is not loaded.</summary>
    public ComputeDevice Device => Volatile.Read(ref _model)?.Device ?? ComputeDevice.Processor;

    /// <summary>When it was last in use, by <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long UsedAt { get; private set; }

    /// <summary>Loads it if it is not.</summary>
    public void Warm()
    {
        Take();
        Return();
    }

    /// <inheritdoc/>
    public PromptReading Read(string text)
    {
        var model = Take();
        try
        {
            return model.Read(text);
        }
        finally
        {
            Return();
        }
    }

    /// <inheritdoc/>
    public IModelSession CreateSession(int width, int height)
    {
        var model = Take();
        try
        {
            return new Session(this, model.CreateSession(width, height));
        }
        catch
        {
            Return();
            throw;
        }
    }

    /// <summary>Frees its memory; false while somebody uses it.</summary>
    public bool TryUnload()
    {
        lock (_gate)
        {
            if (_users > 0)
                return false;
            _model?.Dispose();
            _model = null;
            return true;
        }
    }

    /// <summary>Loads it; called by <see cref="ModelMemory"/>, which sees to room and lets one model load at a time.</summary>
    /// <param name="alone">No other is loaded: on the processor there would not be more memory later.</param>
    /// <returns>False where the memory of the device is used up.</returns>
    public bool TryLoad(bool alone)
    {
        if (_broken)
            throw Broken();
        try
        {
            var model = ModelLoader.Load(manifest, options.ModelThreads, time, options.Reload, workers.Ended);
            ModelStore.Tell(model, complaints);
            _info = model.Info;
            lock (_gate)
                _model = model;
            return true;
        }
        catch (ModelException wrong) when (ModelLoader.LacksMemory(wrong) && !(alone && GraphDevice.Current.Gpu is null))
        {
            return false;
        }
        catch (ModelException wrong)
        {
            _broken = true;
            complaints.WriteLine($"The model in {manifest.Folder} cannot be used: {wrong.Message}");
            throw Broken();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _model?.Dispose();

    private RequestRefusedException Broken() =>
        new(StatusCodes.Status422UnprocessableEntity,
        $"{Info.Title} could not be loaded; the server's output says why. Choose another model.");

    private FolderModel Take()
    {
        while (true)
        {
            lock (_gate)
            {
                if (_model is { } loaded)
                {
                    _users++;
                    return loaded;
                }
            }
            memory.Load(this);
        }
    }

    private void Return()
    {
        lock (_gate)
        {
            _users--;
            UsedAt = time.GetTimestamp();
        }
    }

    /// <summary>A session that keeps its model loaded.</summary>
    private sealed class Session(OnDemandModel owner, IModelSession session) : IModelSession
    {
        private bool _disposed;

        public int Width => session.Width;

        public int Height => session.Height;

        public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made) => session.Step(input, prompt, made);

        public int Flush(Span<MadeFrame> made) => session.Flush(made);

        public void Reset() => session.Reset();

        public ModelState Capture() => session.Capture();

        public void Restore(ModelState state) => session.Restore(state);

        public void Dispose()
        {
            if (_disposed)
                return;
            _disposed = true;
            session.Dispose();
            owner.Return();
        }
    }
}
