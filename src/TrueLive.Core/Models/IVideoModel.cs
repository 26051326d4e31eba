namespace TrueLive.Core.Models;

/// <summary>The weights: loaded once, shared by all sessions, thread-safe.</summary>
public interface IVideoModel : IDisposable
{
    /// <summary>What the model declares about itself.</summary>
    ModelInfo Info { get; }

    /// <summary>Processor time that it has taken in processes other than this one.</summary>
    TimeSpan ProcessorTimeElsewhere => TimeSpan.Zero;

    /// <summary>Turns text into what the model takes. Never throws on any text up to <see cref="Prompt.MaxLength"/>.</summary>
    PromptReading Read(string text);

    /// <summary>
    /// State for one stream at a model size from <see cref="ModelInfo.Sizes"/>, with all buffers allocated and one warm-up step
    /// done, so that the first real step is not slower than the others.
    /// </summary>
    /// <exception cref="ArgumentException">The size is not one that the model runs at.</exception>
    IModelSession CreateSession(int width, int height);
}
