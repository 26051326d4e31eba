using TrueLive.Core.Frames;

namespace TrueLive.Core.Models;

/// <summary>One stream's memory. Used by one thread at a time; blocks for the length of a step, so call it from a thread of your own.</summary>
public interface IModelSession : IDisposable
{
    /// <summary>Width of the frames this session makes.</summary>
    int Width { get; }

    /// <summary>Height of the frames this session makes.</summary>
    int Height { get; }

    /// <summary>
    /// Makes one output frame from one input frame and advances the memory. Input of another size is scaled. The output has the
    /// session's size and the input's <see cref="VideoFrame.Time"/>; the caller disposes it, and the input stays the caller's.
    /// Look transitions run on the input's <see cref="FrameTicket.Captured"/>, so the same input and prompts give the same output.
    /// </summary>
    /// <exception cref="ModelStepException">The network failed; the memory is as it was before the call.</exception>
    VideoFrame Step(VideoFrame input, Prompt prompt);

    /// <summary>Forgets everything: the next step is a first step. The same steps after a reset give the same frames.</summary>
    void Reset();

    /// <summary>A copy of the memory, to go on from later in this or another session of the same model version and size.</summary>
    ModelState Capture();

    /// <summary>Goes on from a copy. </summary>
    /// <exception cref="ArgumentException">The copy belongs to another model, version or size.</exception>
    void Restore(ModelState state);
}

/// <summary>A copy of a session's memory; immutable and independent of the session.</summary>
/// <param name="ModelId">Model that it belongs to.</param>
/// <param name="ModelVersion">Version of the weights.</param>
/// <param name="Width">Session width.</param>
/// <param name="Height">Session height.</param>
/// <param name="Bytes">The memory in the model's own layout.</param>
public sealed record ModelState(string ModelId, string ModelVersion, int Width, int Height, ReadOnlyMemory<byte> Bytes);

/// <summary>A model step failed. The session can go on with the next frame.</summary>
public sealed class ModelStepException(string message, Exception? inner = null) : Exception(message, inner);
