using TrueLive.Core.Frames;

namespace TrueLive.Core.Models;

/// <summary>Gives every frame back unchanged: the baseline that shows what transport and codecs cost without a model.</summary>
public sealed class PassthroughModel : IVideoModel
{
    /// <inheritdoc/>
    public ModelInfo Info { get; } = new(
        "passthrough", "1", "Pass-through", "Returns the input unchanged. For measuring the path without a network.",
        TakesPrompt: false, HasMemory: false, new ModelSizes(2, 8192, 2), [])
    { PassesThrough = true };

    /// <inheritdoc/>
    public PromptReading Read(string text) => string.IsNullOrWhiteSpace(text)
        ? PromptReading.Empty
        : PromptReading.Empty with
        {
            Understood = false,
            Confidence = 0,
            Note = "Pass-through takes no prompt: the picture stays as it is.",
        };

    /// <inheritdoc/>
    public IModelSession CreateSession(int width, int height) => new Session(width, height);

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private sealed class Session(int width, int height) : IModelSession
    {
        public int Width => width;

        public int Height => height;

        public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
        {
            made[0] = MadeFrame.Of(input, input.Retain(), prompt.Revision);
            return 1;
        }

        public void Reset()
        {
        }

        public ModelState Capture() => new("passthrough", "1", width, height, ReadOnlyMemory<byte>.Empty);

        public void Restore(ModelState state)
        {
        }

        public void Dispose()
        {
        }
    }
}
