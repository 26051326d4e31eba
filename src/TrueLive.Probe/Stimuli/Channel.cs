namespace TrueLive.Probe.Stimuli;

/// <summary>The independent codes that a probe puts into its video.</summary>
public enum Channel
{
    /// <summary>Global exposure.</summary>
    G,

    /// <summary>Left against right exposure at constant mean.</summary>
    R,

    /// <summary>Warm against cool colour.</summary>
    C,

    /// <summary>Camera pan velocity.</summary>
    M,

    /// <summary>Large object on or off in the right third.</summary>
    O,

    /// <summary>Scene cut between two carriers of equal mean.</summary>
    S,

    /// <summary>Stripe direction of an object at constant mean luminance.</summary>
    P,
}

/// <summary>Channels that one kind of fake could answer together.</summary>
public enum Family
{
    /// <summary>G and C.</summary>
    Luma,

    /// <summary>R, O and P.</summary>
    Region,

    /// <summary>M.</summary>
    Motion,

    /// <summary>S.</summary>
    Scene,
}

/// <summary>The law by which codes are drawn. Re-draws for the null use the very same law.</summary>
public static class CodeLaw
{
    /// <summary>Frames per second on which chips are defined.</summary>
    public const int Rate = 30;

    private const int LongestRun = 5;

    /// <summary>All channels in order.</summary>
    public static IReadOnlyList<Channel> Channels { get; } = Enum.GetValues<Channel>();

    /// <summary>The family of a channel.</summary>
    public static Family FamilyOf(Channel channel) => channel switch
    {
        Channel.G or Channel.C => Family.Luma,
        Channel.M => Family.Motion,
        Channel.S => Family.Scene,
        _ => Family.Region,
    };

    /// <summary>
    /// Frames per chip; mutually staggered so that some channel flips on nearly every frame. 0 for scene cuts, which dwell.
    /// </summary>
    public static int ChipFrames(Channel channel) => channel switch
    {
        Channel.G => 3,
        Channel.R => 4,
        Channel.C => 5,
        Channel.M => 6,
        Channel.S => 0,
        _ => 15,
    };

    /// <summary>Draws the code of a channel, one value (+1 or -1) per frame.</summary>
    public static void Draw(Channel channel, SeedStream stream, Span<float> frames)
    {
        if (channel == Channel.S)
        {
            Telegraph(stream, frames, 3, 7);
            return;
        }
        var chip = ChipFrames(channel);
        var run = 0;
        var last = 0f;
        for (var start = 0; start < frames.Length; start += chip)
        {
            var value = stream.NextBit() ? 1f : -1f;
            if (value == last && run == LongestRun)
                value = -value;
            run = value == last ? run + 1 : 1;
            last = value;
            frames.Slice(start, Math.Min(chip, frames.Length - start)).Fill(value);
        }
    }

    /// <summary>A two-state signal that dwells a uniform random time (seconds) in each state.</summary>
    public static void Telegraph(SeedStream stream, Span<float> frames, double shortest, double longest)
    {
        var value = stream.NextBit() ? 1f : -1f;
        var at = 0;
        while (at < frames.Length)
        {
            var dwell = Math.Max(1, (int)Math.Round(stream.NextDouble(shortest, longest) * Rate));
            frames.Slice(at, Math.Min(dwell, frames.Length - at)).Fill(value);
            at += dwell;
            value = -value;
        }
    }

    /// <summary>Full-frame holds of 2.2 to 4 s at random times between stretches of carrier: +1 while held, -1 otherwise.</summary>
    public static void Holds(SeedStream stream, Span<float> frames)
    {
        var at = 0;
        var held = false;
        while (at < frames.Length)
        {
            var dwell = (int)(Rate * (held ? stream.NextDouble(2.2, 4) : stream.NextDouble(1.5, 4.5)));
            frames.Slice(at, Math.Min(dwell, frames.Length - at)).Fill(held ? 1f : -1f);
            at += dwell;
            held = !held;
        }
    }
}
