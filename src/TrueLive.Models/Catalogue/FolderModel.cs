using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Devices;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Catalogue;

/// <summary>A model that was loaded from a folder with a manifest.json.</summary>
public abstract class FolderModel : IVideoModel
{
    /// <inheritdoc/>
    public abstract ModelInfo Info { get; }

    /// <summary>What the folder declares.</summary>
    public abstract ModelManifest Manifest { get; }

    /// <summary>Threads that one step uses.</summary>
    public abstract int Threads { get; }

    /// <summary>The device that its steps run on.</summary>
    public virtual ComputeDevice Device => ComputeDevice.Processor;

    /// <summary>Inputs and outputs of its graphs with element type and shape, -1 for a free dimension; for display.</summary>
    public abstract IReadOnlyList<string> Tensors { get; }

    /// <summary>Output frames that have not been disposed yet; 0 when the model is idle.</summary>
    public abstract int FramesOut { get; }

    /// <inheritdoc/>
    public virtual TimeSpan ProcessorTimeElsewhere => TimeSpan.Zero;

    /// <inheritdoc/>
    public abstract PromptReading Read(string text);

    /// <inheritdoc/>
    public abstract IModelSession CreateSession(int width, int height);

    /// <summary>
    /// Median time per frame at a size, in milliseconds: that of a step, or of a chunk divided by the frames that it gives.
    /// </summary>
    public double Measure(int width, int height, int steps, TimeProvider time) => Times(width, height, steps, time)[steps / 2];

    /// <summary>Times per frame at a size, in milliseconds, shortest first.</summary>
    private protected double[] Times(int width, int height, int steps, TimeProvider time)
    {
        using var session = CreateSession(width, height);
        var pool = new FramePool("measurement", 1);
        using var input = pool.Rent(width, height);
        input.Y.Fill(120);
        input.U.Fill(110);
        input.V.Fill(140);
        var made = new MadeFrame[Info.Chunk.Gives];
        var times = new double[steps];
        for (var i = 0; i < steps; i++)
        {
            var began = time.GetTimestamp();
            // A new revision forces a new frame, although the input is the same.
            for (var taken = 0; taken < Info.Chunk.Takes; taken++)
            {
                foreach (var one in made.AsSpan(0, session.Step(input, Prompt.None with { Revision = i }, made)))
                    one.Frame.Dispose();
            }
            times[i] = time.GetElapsedTime(began).TotalMilliseconds / Info.Chunk.Gives;
        }
        Array.Sort(times);
        return times;
    }

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>How it runs here, where that was asked for and may have turned out otherwise; a sentence, or null.</summary>
    public virtual string? Note => null;

    /// <summary>A warmed-up session at the model's own size, for a size that <see cref="ModelSizes.Nearest"/> returned.</summary>
    internal abstract IModelSession Open(int width, int height);
}

/// <summary>A session of a <see cref="FolderModel"/>, which also gives the output tensor behind the picture.</summary>
internal abstract class FolderModelSession : IModelSession
{
    private FrameScaler? _scaler;

    public abstract int Width { get; }

    public abstract int Height { get; }

    /// <summary>The output tensor of the last step, before its conversion to a picture; overwritten by the next step but one.</summary>
    public abstract TensorBuffer Result { get; }

    /// <summary>Pool of frames that live no longer than a step.</summary>
    private protected FramePool Scratch { get; } = new("model input", 1);

    public virtual int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
    {
        made[0] = MadeFrame.Of(input, Make(input, prompt), prompt.Revision);
        return 1;
    }

    public virtual int Flush(Span<MadeFrame> made) => 0;

    public abstract void Reset();

    public abstract ModelState Capture();

    public abstract void Restore(ModelState state);

    public abstract void Dispose();

    /// <summary>The picture that a step makes of one frame; the frame itself, retained, where there is nothing to do.</summary>
    private protected abstract VideoFrame Make(VideoFrame input, Prompt prompt);

    /// <summary>The caller's frame, retained, or a copy at the session's size.</summary>
    private protected VideoFrame Fit(VideoFrame input)
    {
        if (input.Width == Width && input.Height == Height)
            return input.Retain();
        if (_scaler is null || _scaler.FromWidth != input.Width || _scaler.FromHeight != input.Height)
            _scaler = new FrameScaler(input.Width, input.Height, Width, Height);
        var scaled = Scratch.Rent(Width, Height);
        _scaler.Scale(input, scaled);
        return scaled;
    }
}
