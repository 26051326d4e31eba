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

    /// <summary>What its steps run on.</summary>
    public virtual ComputeDevice Device => ComputeDevice.Processor;

    /// <summary>Inputs and outputs of its graphs with element type and shape, -1 for a free side; for people.</summary>
    public abstract IReadOnlyList<string> Tensors { get; }

    /// <summary>Output frames that are out; 0 at rest.</summary>
    public abstract int FramesOut { get; }

    /// <inheritdoc/>
    public virtual TimeSpan ProcessorTimeElsewhere => TimeSpan.Zero;

    /// <inheritdoc/>
    public abstract PromptReading Read(string text);

    /// <inheritdoc/>
    public abstract IModelSession CreateSession(int width, int height);

    /// <summary>Median time of a frame at a size, in milliseconds: of a step, or of a chunk over its frames.</summary>
    public double Measure(int width, int height, int steps, TimeProvider time) => Times(width, height, steps, time)[steps / 2];

    /// <summary>Times of frames at a size, shortest first, in milliseconds.</summary>
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
            // Under a revision of its own a frame is made, though it is like the last.
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

    /// <summary>
    /// A session whose frames have the model's own size, for a size that <see cref="ModelSizes.Nearest"/> gave; warmed up.
    /// </summary>
    internal abstract IModelSession Open(int width, int height);
}

/// <summary>A stream's memory of a <see cref="FolderModel"/>, with the numbers behind the picture.</summary>
internal abstract class FolderModelSession : IModelSession
{
    private FrameScaler? _scaler;

    public abstract int Width { get; }

    public abstract int Height { get; }

    /// <summary>What the last step put out, before it became a picture; overwritten by the next step but one.</summary>
    public abstract TensorBuffer Result { get; }

    /// <summary>For frames that live no longer than a step.</summary>
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

    /// <summary>The picture that a step makes of one frame; the frame itself, held once more, where there is nothing to do.</summary>
    private protected abstract VideoFrame Make(VideoFrame input, Prompt prompt);

    /// <summary>The caller's frame held once more, or a copy at the session's size.</summary>
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
