namespace TrueLive.Core.Models;

/// <summary>How many frames a model takes before it hands any out, and how many it hands out at a time.</summary>
/// <param name="Takes">Frames that go in, one per step, before a step hands out the frames made of them; 1..64.</param>
/// <param name="Gives">Frames that one step hands out at most; 1..64.</param>
/// <param name="Lag">Frames by which the output lies behind the input, beyond the wait for its chunk; 0..64.</param>
public sealed record Chunk(int Takes, int Gives, int Lag)
{
    /// <summary>Most frames that a model may take, give or lag.</summary>
    public const int MaxFrames = 64;

    /// <summary>One frame in, one frame out: most models.</summary>
    public static Chunk One { get; } = new(1, 1, 0);

    /// <summary>Frames that the first frame of a chunk waits for inside the model.</summary>
    public int Held => Takes - 1 + Lag;

    /// <summary>The wait inside the model, by design, for a given time between two frames; the step itself is not included.</summary>
    public TimeSpan Wait(TimeSpan interval) => Held * interval;
}
