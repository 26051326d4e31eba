using TrueLive.Core.Frames;

namespace TrueLive.Core.Models;

/// <summary>Steps for callers that want one picture, not a stream.</summary>
public static class SingleSteps
{
    /// <summary>
    /// One step of a model whose <see cref="ModelInfo.Chunk"/> is <see cref="Chunk.One"/>; the caller disposes the picture.
    /// </summary>
    /// <exception cref="InvalidOperationException">The step handed out nothing.</exception>
    public static VideoFrame Step(this IModelSession session, VideoFrame input, Prompt prompt)
    {
        var made = new MadeFrame[1];
        return session.Step(input, prompt, made) == 1 ? made[0].Frame : throw new InvalidOperationException("The step handed out nothing.");
    }

    /// <summary>
    /// One step of any model and a flush, so that nothing is left inside. Returns the last picture, which the caller disposes.
    /// </summary>
    /// <exception cref="ModelStepException">The step failed, or nothing came out.</exception>
    public static VideoFrame StepLast(this IModelSession session, VideoFrame input, Prompt prompt)
    {
        var made = new MadeFrame[Chunk.MaxFrames];
        VideoFrame? last = null;
        try
        {
            Keep(session.Step(input, prompt, made));
            while (session.Flush(made) is > 0 and var more)
                Keep(more);
            return last ?? throw new ModelStepException("The model made no picture.");
        }
        catch
        {
            last?.Dispose();
            throw;
        }

        void Keep(int count)
        {
            foreach (var one in made.AsSpan(0, count))
            {
                last?.Dispose();
                last = one.Frame;
            }
        }
    }
}
