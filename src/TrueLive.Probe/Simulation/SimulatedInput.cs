using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Simulation;

/// <summary>What a simulated system may know: the frames sent so far (30 per second from time 0) and the prompts.</summary>
public sealed class SimulatedInput(StimulusPlan plan)
{
    private int _prompt;

    /// <summary>Seconds between frames.</summary>
    public const double Step = 1.0 / CodeLaw.Rate;

    /// <summary>The frame that is newest at a time.</summary>
    public static int NewestAt(double time) => Math.Max(0, (int)Math.Floor(time * CodeLaw.Rate + 1e-6));

    /// <summary>What a frame shows; for one not yet planned, what the last planned frame shows.</summary>
    public FrameState State(int frame) => plan.Frames[Math.Clamp(frame, 0, plan.Frames.Count - 1)];

    /// <summary>+1 or -1 for the prompt in force at a time; 0 before the first. Times mostly rise from call to call.</summary>
    public int PromptAt(double time)
    {
        var prompts = plan.Prompts;
        while (_prompt < prompts.Count && prompts[_prompt].Frame * Step <= time)
            _prompt++;
        while (_prompt > 0 && prompts[_prompt - 1].Frame * Step > time)
            _prompt--;
        return _prompt == 0 ? 0 : prompts[_prompt - 1].State;
    }
}

/// <summary>One output frame of a simulated system: what it depicts and when it comes out.</summary>
public readonly record struct Shown()
{
    /// <summary>Seconds at which it is presented.</summary>
    public required double Time { get; init; }

    /// <summary>What it depicts.</summary>
    public required FrameState State { get; init; }

    /// <summary>Input frame depicted, for the truth; -1 for none.</summary>
    public required int Content { get; init; }

    /// <summary>Blended with <see cref="State"/> in the share <see cref="Blend"/>; null for none.</summary>
    public FrameState? Second { get; init; }

    /// <summary>Share of <see cref="Second"/>, 0..1.</summary>
    public float Blend { get; init; }

    /// <summary>Prompt in force.</summary>
    public int Prompt { get; init; }

    /// <summary>Changes when a new generation starts.</summary>
    public int Reseed { get; init; }

    /// <summary>Live frame whose mean luminance multiplies the picture; -1 for none.</summary>
    public int LumaOf { get; init; } = -1;

    /// <summary>Whether the picture is footage of another seed.</summary>
    public bool Canned { get; init; }

    /// <summary>Frame of a finished recording that is repeated exactly; -1 for a newly made picture.</summary>
    public int Recorded { get; init; } = -1;

    /// <summary>Whether a colour filter with a painted overlay replaces the look.</summary>
    public bool Filtered { get; init; }

    /// <summary>Whether the picture is shown as it is, with the noise of a codec, instead of the look.</summary>
    public bool Plain { get; init; }

    /// <summary>Live frame that is laid over the finished picture in the share <see cref="LaidShare"/>; -1 for none.</summary>
    public int Laid { get; init; } = -1;

    /// <summary>Share of the frame that is laid over, 0..1.</summary>
    public float LaidShare { get; init; }

    /// <summary>Whether only the edges of the frame are laid over, drawn dark.</summary>
    public bool LaidEdges { get; init; }
}
