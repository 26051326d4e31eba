using TrueLive.Core.Frames;

namespace TrueLive.Core.Models;

/// <summary>
/// One stream's memory. Used by one thread at a time; blocks for the length of a step, so call it from a thread of your own.
/// </summary>
public interface IModelSession : IDisposable
{
    /// <summary>Width of the frames this session makes.</summary>
    int Width { get; }

    /// <summary>Height of the frames this session makes.</summary>
    int Height { get; }

    /// <summary>
    /// Takes one frame, advances the memory, and hands out the frames that are ready: none while a chunk fills, one from most models,
    /// several from a chunk, in the order of their sources. Input of another size is scaled. The input stays the caller's; a model that
    /// needs it after the call retains it. Outputs are the caller's to dispose; they have the session's size and the ticket of their input
    /// frame with the revision of the prompt that made them (for a chunk, the one given with its last frame). Look transitions run on the
    /// input's <see cref="FrameTicket.Captured"/>, so the same input and prompts give the same output.
    /// </summary>
    /// <param name="input">The frame.</param>
    /// <param name="prompt">The prompt in force.</param>
    /// <param name="made">Room for at least <see cref="Chunk.Gives"/> frames.</param>
    /// <returns>How many were handed out.</returns>
    /// <exception cref="ModelStepException">The step failed: nothing is handed out, and the memory is as it was before the
    /// call.</exception>
    int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made);

    /// <summary>
    /// Hands out the frames still inside, at the end of a stream: as many in each call as fit into <paramref name="made"/>, 0 when none is
    /// left. A chunk that is not full is padded with its last frame; frames made of the padding are not handed out.
    /// </summary>
    /// <exception cref="ModelStepException">As <see cref="Step"/>.</exception>
    int Flush(Span<MadeFrame> made) => 0;

    /// <summary>
    /// Forgets everything, frames inside included: the next step is a first step. The same steps after a reset give the same frames.
    /// </summary>
    void Reset();

    /// <summary>
    /// A copy of the memory and of the frames inside, from which this or another session of the same model version and size can continue:
    /// frames that are still inside come out there. Of their tickets, the source's fields and the revision are kept.
    /// </summary>
    ModelState Capture();

    /// <summary>
    /// What is shown of an input of the session's size that is passed through while the model is away, as the mask of the prompt asks; null
    /// for the input itself. The caller disposes it.
    /// </summary>
    /// <exception cref="ModelStepException">The mask failed: the frame is not to be shown.</exception>
    MadeFrame? Cover(VideoFrame input, Prompt prompt) => null;

    /// <summary>Continues from a copy. </summary>
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
public class ModelStepException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The memory of the device that the model runs on is used up: at the next frame there would not be more. The session ends, which frees
/// what it held; others go on.
/// </summary>
public sealed class ModelMemoryException(string message, Exception? inner = null) : ModelStepException(message, inner);

/// <summary>
/// The model runs in another process and could not be reached, or gave no valid answer. Unless <see cref="ForGood"/>, its session recovers
/// by itself, without its memory; until then its input may be shown, labelled as such.
/// </summary>
/// <param name="message">For the user: one sentence, then lines with details.</param>
/// <param name="forGood">See <see cref="ForGood"/>.</param>
public sealed class ModelAwayException(string message, bool forGood) : ModelStepException(message)
{
    /// <summary>True when the model will not come back by itself.</summary>
    public bool ForGood => forGood;
}
