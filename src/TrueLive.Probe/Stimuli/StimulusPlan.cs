namespace TrueLive.Probe.Stimuli;

/// <summary>One stretch of the run. Frame numbers count from the first frame sent.</summary>
public sealed record Phase(PhaseKind Kind, int FirstFrame, int FrameCount, double DwellShortest, double DwellLongest)
{
    /// <summary>The frame after the last.</summary>
    public int EndFrame => FirstFrame + FrameCount;
}

/// <summary>A prompt to be sent with a frame.</summary>
/// <param name="Frame">The frame at which it is due.</param>
/// <param name="State">+1 for prompt A, -1 for prompt B.</param>
public readonly record struct PromptToggle(int Frame, int State);

/// <summary>All that one input frame shows, so that any frame can be drawn again from its number.</summary>
public readonly record struct FrameState
{
    /// <summary>Codes by <see cref="Channel"/>: +1, -1, or 0 where the channel rests.</summary>
    public required sbyte[] Codes { get; init; }

    /// <summary>Camera position in units of 1/160 of the picture's width.</summary>
    public required float Pan { get; init; }

    /// <summary>Which carrier is shown, 0 or 1.</summary>
    public required int Scene { get; init; }

    /// <summary>0 for the carrier; otherwise 1 black, 2 white, 3 red, 4 blue.</summary>
    public int Fill { get; init; }

    /// <summary>The frame whose objects are shown: its own number, or the held frame's.</summary>
    public required int Moment { get; init; }

    /// <summary>Slow-phase strength: larger balance.</summary>
    public bool Strong { get; init; }
}

/// <summary>
/// The sequence of phases and codes of a run. It grows during the run (the dwell of later phases may depend on what earlier ones showed),
/// but every value follows from the seed.
/// </summary>
public sealed class StimulusPlan(ProbeSeed seed, double amplitude = 1)
{
    private static readonly sbyte[] Rest = new sbyte[7];
    private readonly List<FrameState> _frames = [];
    private readonly List<Phase> _phases = [];
    private readonly List<PromptToggle> _prompts = [];
    private double _pan;

    /// <summary>The secret behind the codes.</summary>
    public ProbeSeed Seed { get; } = seed;

    /// <summary>Strength of the codes, 1 by default.</summary>
    public double Amplitude { get; } = amplitude;

    /// <summary>Phases so far.</summary>
    public IReadOnlyList<Phase> Phases => _phases;

    /// <summary>What each frame shows.</summary>
    public IReadOnlyList<FrameState> Frames => _frames;

    /// <summary>Prompts due, in order.</summary>
    public IReadOnlyList<PromptToggle> Prompts => _prompts;

    /// <summary>The label under which the code of a channel in a phase is drawn from the seed.</summary>
    public static string Label(int phaseIndex, string channel) => $"phase{phaseIndex}/{channel}";

    /// <summary>Adds a phase.</summary>
    /// <param name="kind">What it sends.</param>
    /// <param name="seconds">Its length.</param>
    /// <param name="dwellScale">
    /// Multiplies the dwell of slow and control telegraphs (2.2 to 6 s): 1.5 clip lengths or more for clip systems.
    /// </param>
    public Phase Append(PhaseKind kind, double seconds, double dwellScale = 1)
    {
        var phase = new Phase(kind, _frames.Count, (int)Math.Round(seconds * CodeLaw.Rate), 2.2 * dwellScale, 6 * dwellScale);
        var index = _phases.Count;
        _phases.Add(phase);
        var codes = Codes(phase, index);
        var telegraph = kind switch
        {
            PhaseKind.Slow or PhaseKind.Control => TelegraphOf(phase, index),
            PhaseKind.Blackout => HoldsOf(phase, index),
            _ => null,
        };
        var drift = Seed.Stream(Label(index, "drift"));
        var (a, b) = (drift.NextDouble(0, 6.28), drift.NextDouble(0.02, 0.06));
        var fill = Seed.Stream(Label(index, "fill"));
        var held = _frames.Count;
        var shade = 0;
        for (var n = 0; n < phase.FrameCount; n++)
        {
            var state = new sbyte[7];
            if (codes is not null)
            {
                foreach (var channel in CodeLaw.Channels)
                {
                    if (codes[(int)channel] is { } code)
                        state[(int)channel] = (sbyte)code[n];
                }
            }
            if (kind == PhaseKind.Slow)
                state[(int)Channel.R] = state[(int)Channel.O] = (sbyte)telegraph![n];
            if (kind == PhaseKind.Control && (n == 0 || telegraph![n] != telegraph[n - 1]))
                _prompts.Add(new PromptToggle(phase.FirstFrame + n, (int)telegraph![n]));
            if (kind == PhaseKind.Blackout)
                shade = telegraph![n] < 0 ? 0 : shade != 0 ? shade : 1 + fill.NextInt(4);
            if (kind != PhaseKind.Hold)
                _pan += state[(int)Channel.M] + 0.25 * Math.Sin(a + n * b);
            _frames.Add(new FrameState
            {
                Codes = kind is PhaseKind.Warmup or PhaseKind.Hold or PhaseKind.Blackout ? Rest : state,
                Pan = (float)_pan,
                Scene = state[(int)Channel.S] > 0 ? 1 : 0,
                Fill = shade,
                Moment = kind == PhaseKind.Hold ? held : phase.FirstFrame + n,
                Strong = kind == PhaseKind.Slow,
            });
        }
        return phase;
    }

    /// <summary>The codes of a phase by channel, null where the channel rests; <paramref name="draw"/> chooses a re-draw.</summary>
    /// <param name="phase">Which phase.</param>
    /// <param name="index">Its position in <see cref="Phases"/>.</param>
    /// <param name="draw">Null for what was sent; otherwise the label of an independent draw from the same law.</param>
    public float[]?[]? Codes(Phase phase, int index, string? draw = null)
    {
        if (phase.Kind is not (PhaseKind.Fast or PhaseKind.Control))
            return null;
        var codes = new float[]?[7];
        foreach (var channel in CodeLaw.Channels)
        {
            if (phase.Kind == PhaseKind.Control && channel != Channel.M)
                continue;
            if (Amplitude < 0.5 && channel is Channel.O or Channel.S)
                continue;
            var code = new float[phase.FrameCount];
            CodeLaw.Draw(channel, Seed.Stream(draw + Label(index, channel.ToString())), code);
            codes[(int)channel] = code;
        }
        return codes;
    }

    /// <summary>The telegraph of a slow, control or blackout phase, or an independent draw of it.</summary>
    public float[] TelegraphOf(Phase phase, int index, string? draw = null)
    {
        if (phase.Kind == PhaseKind.Blackout)
            return HoldsOf(phase, index, draw);
        var code = new float[phase.FrameCount];
        CodeLaw.Telegraph(Seed.Stream(draw + Label(index, "telegraph")), code, phase.DwellShortest, phase.DwellLongest);
        return code;
    }

    private float[] HoldsOf(Phase phase, int index, string? draw = null)
    {
        var code = new float[phase.FrameCount];
        CodeLaw.Holds(Seed.Stream(draw + Label(index, "holds")), code);
        return code;
    }
}
