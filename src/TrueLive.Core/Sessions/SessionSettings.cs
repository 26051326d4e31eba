using TrueLive.Core.Models;

namespace TrueLive.Core.Sessions;

/// <summary>
/// Everything about a session that may change while it runs: immutable, behind one reference, read once per step, so that a
/// frame never sees half of a change.
/// </summary>
/// <param name="Model">Weights in use.</param>
/// <param name="Width">Width asked for; the model runs at the same number of pixels in the input's shape.</param>
/// <param name="Height">Height asked for.</param>
/// <param name="Prompt">Prompt, read by <paramref name="Model"/>.</param>
/// <param name="Epoch">Increased by a reset, a reconnect, a change of model or size, and by a picture of another shape.</param>
/// <param name="Resets">Increased when the memory is to be reset.</param>
/// <param name="Paused">No frames are made.</param>
public sealed record SessionSettings(IVideoModel Model, int Width, int Height, Prompt Prompt, int Epoch, int Resets, bool Paused)
{
    /// <summary>
    /// Size that the model runs at for an input of the given size: the asked number of pixels in the input's shape, snapped to
    /// what the model takes. An input smaller than asked is not enlarged.
    /// </summary>
    public (int Width, int Height) SizeFor(int inputWidth, int inputHeight)
    {
        var scale = Math.Min(1, Math.Sqrt((double)Width * Height / ((double)inputWidth * inputHeight)));
        return Model.Info.Sizes.Nearest(Math.Max(1, (int)Math.Round(inputWidth * scale)),
            Math.Max(1, (int)Math.Round(inputHeight * scale)));
    }
}

/// <summary>Fixed at the start of a session.</summary>
public sealed record LiveSessionOptions
{
    /// <summary>A frame that is older than this when its step could begin is dropped and counted.</summary>
    public TimeSpan FrameAgeBudget { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// What a live session promises: a made picture for each frame that comes in, up to this many a second. Where it makes less than
    /// nine tenths of that over two seconds, <see cref="SessionStats.DegradedTo"/> says so; not in the first five seconds of a connection.
    /// </summary>
    public int PromisedRate { get; init; } = 30;

    /// <summary>Failed steps in a row after which the connection ends; a single failed step only drops its frame.</summary>
    public int StepFailureLimit { get; init; } = 30;

    /// <summary>Commands that may wait for their first frame; more are rejected.</summary>
    public int CommandLimit { get; init; } = 64;
}
