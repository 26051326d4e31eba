using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Simulation;

/// <summary>A system whose true nature is known: it turns the input into a list of what is shown when.</summary>
/// <param name="Name">Its name in the self-test.</param>
/// <param name="Accepts">Tiers that are right.</param>
/// <param name="Fake">Whether a verdict of tier 3 would be a false proof of liveness.</param>
/// <param name="Play">An endless sequence in order of time; it uses only input older than the time it yields, unless it cheats.</param>
public sealed record SimulatedSystem(
    string Name, string[] Accepts, bool Fake, Func<SimulatedInput, IReadOnlyList<FrameState>, SeedStream, IEnumerable<Shown>> Play)
{
    private const double Step = SimulatedInput.Step;
    private static readonly string[] Live = ["T3-F", "T3"];
    private static readonly string[] Late = ["hybrid", "T2", "not proven"];

    /// <summary>Natures that are right; null where the look decides.</summary>
    public IReadOnlyList<Nature>? Natures { get; init; }

    /// <summary>Whether prompts can be sent to it.</summary>
    public bool TakesPrompts { get; init; } = true;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<SimulatedSystem> All { get; } =
    [
        new("stream", ["T3-F"], false, (i, _, s) => Stream(i, s, s.NextDouble(0.08, 0.9))),
        new("stream+1.2s", ["T3-F"], false, (i, _, s) => Stream(i, s, 1.2 + s.NextDouble(0.08, 0.9))),
        new("stream+6s", ["T3-F"], false, (i, _, s) => Stream(i, s, 6 + s.NextDouble(0.08, 0.9))),
        new("chunk-burst", ["T3-C"], false, (i, _, s) => Chunks(i, s.NextDouble(0.1, 0.5), 0.002, false)),
        new("chunk-paced", ["T3-C"], false, (i, _, s) => Chunks(i, s.NextDouble(0.1, 0.5), Step, false)),
        new("chunk-hold", ["T3-S", "T3-C"], false, (i, _, s) => Chunks(i, s.NextDouble(0.1, 0.5), Step, true)),
        new("latest12", ["T3-F", "T3-S"], false, (i, _, s) => Latest(i, s.NextDouble(0.1, 0.3), 12)),
        new("interp10", ["T3-F", "T3-C"], false, (i, _, s) => Interpolated(i, s.NextDouble(0.1, 0.4))),
        new("backlog", ["T3-unstable"], false, (i, _, s) => Backlog(i, s.NextDouble(0.1, 0.3), 26)),
        new("clips-3s", ["T2"], true, (i, _, _) => Clips(i, 3)),
        new("clips-1s", ["T2"], true, (i, _, _) => Clips(i, 1)),
        new("batch-4s", ["T2"], true, (i, _, _) => Batches(i, 4, 3)),
        // If a look hides motion, all that is left of a warp is a new picture every 1.5 s: clips.
        new("warp", ["hybrid", "T2"], true, (i, _, s) => Warped(i, 0.1, 1.5)),
        new("canned", ["not live"], true, (i, c, _) => Canned(i, c, false)),
        new("prerendered", ["not live"], true, (i, c, _) => Canned(i, c, false)),
        new("loop", ["replay"], true, (i, c, s) => Loop(c, 80 + s.NextInt(60), false)),
        new("pingpong", ["replay"], true, (i, c, s) => Loop(c, 60 + s.NextInt(40), true)),
        new("canned-x-luma", ["partial-luma"], true, (i, c, _) => Canned(i, c, true)),
        new("filter", Live, false, (i, _, s) => Filter(i, 0.06)) { Natures = [Nature.FiltersColours] },
        new("echo", Live, false, (i, _, s) => Filter(i, s.NextDouble(0.04, 0.1), plain: true)) { Natures = [Nature.PassesThrough] },
        new("prompt-only", ["T3-prompt", "prompt-only"], true, (i, c, _) => Prompted(i, c, 0.5, 0)),
        new("run-ahead", ["prompt-only"], true, (i, c, _) => Prompted(i, c, 0.5, 0.02)),
        new("leaked-seed", ["replay", "invalid"], true, (i, _, _) => Leaked(i, 0.3)),
        new("stream-mute", Live, false, (i, _, s) => Stream(i, s, s.NextDouble(0.08, 0.9))) { TakesPrompts = false },
        new("uneven-mute", Live, false, Uneven) { TakesPrompts = false },
        new("queue-mute", ["T3-unstable"], false, (i, _, s) => Backlog(i, s.NextDouble(0.1, 0.3), 29.4)) { TakesPrompts = false },
        // A bound from the delay cannot tell one second of batches from a stream that is one second late: both are tier 3.
        new("batch-1.0s-mute", ["T3", "not proven"], false, (i, _, _) => Batches(i, 1.0, 0.1)) { TakesPrompts = false },
        new("batch-1.4s-mute", ["T3", "not proven"], false, (i, _, _) => Batches(i, 1.4, 0.02)) { TakesPrompts = false },
        new("batch-1.6s-mute", ["T2", "not proven"], true, (i, _, _) => Batches(i, 1.6, 0.02)) { TakesPrompts = false },
        new("batch-4s-mute", ["T2", "not proven"], true, (i, _, _) => Batches(i, 4, 0.5)) { TakesPrompts = false },
        new("predicting-mute", Late, true, (i, _, _) => Predicted(i, 1.6, 0.1)) { TakesPrompts = false },
        new("laid30-batch-4s", Late, true, (i, _, _) => LaidOver(Batches(i, 4, 3), 0.3f)) { TakesPrompts = false },
        new("laid50-batch-4s", Late, true, (i, _, _) => LaidOver(Batches(i, 4, 3), 0.5f)) { TakesPrompts = false },
        new("laid70-batch-4s", Late, true, (i, _, _) => LaidOver(Batches(i, 4, 3), 0.7f)) { TakesPrompts = false },
        new("luma-batch-4s", Late, true, (i, _, _) => Batches(i, 4, 3)
            .Select(s => s with { LumaOf = SimulatedInput.NewestAt(s.Time - 0.1) })) { TakesPrompts = false },
        // Its edges are live, so tier 3 is right; its picture is not made from the input, so a restyle is wrong.
        new("edges-canned", ["T3-F", "T3", "not proven"], false, (i, c, _) => LaidOver(Canned(i, c, false), 0.9f, edges: true))
            { TakesPrompts = false, Natures = [Nature.CannotTell, Nature.FiltersStructure] },
    ];

    /// <summary>The system of a name.</summary>
    public static SimulatedSystem Named(string name) => ByName[name];

    /// <summary>A true stream of a given constant delay (seconds), for tests of the delay itself.</summary>
    public static SimulatedSystem StreamOf(double delay) =>
        new("stream", ["T3-F"], false, (i, _, s) => Stream(i, s, delay));

    private static readonly Dictionary<string, SimulatedSystem> ByName = All.ToDictionary(s => s.Name);

    private static IEnumerable<Shown> Stream(SimulatedInput input, SeedStream stream, double delay)
    {
        var last = 0.0;
        for (var j = 0; ; j++)
        {
            if (stream.NextDouble() < 0.02)
                continue;
            last = Math.Max(last + 0.001, j * Step + delay + 0.004 * Math.Abs(stream.NextNormal()));
            yield return Shows(input, last, j, j * Step);
        }
    }

    private static IEnumerable<Shown> Chunks(SimulatedInput input, double compute, double pace, bool hold)
    {
        const int Size = 12;
        for (var chunk = 0; ; chunk++)
        {
            var ready = (chunk * Size + Size - 1) * Step + compute;
            for (var k = 0; k < Size; k++)
            {
                var content = chunk * Size + (hold ? Size - 1 : k);
                var shown = Shows(input, ready + k * pace, content, ready - compute + 0.01);
                yield return hold ? shown with { State = Moved(shown.State, 0.4f * k, k) } : shown;
            }
        }
    }

    private static IEnumerable<Shown> Latest(SimulatedInput input, double compute, double rate)
    {
        for (var k = 0; ; k++)
            yield return Shows(input, k / rate + compute, SimulatedInput.NewestAt(k / rate), k / rate);
    }

    private static IEnumerable<Shown> Interpolated(SimulatedInput input, double compute)
    {
        for (var key = 0; ; key++)
        {
            for (var k = 0; k < 3; k++)
            {
                var shown = Shows(input, (3 * key + 3 + k) * Step + compute, 3 * key, 3 * key * Step);
                yield return shown with { Content = 3 * key + k, Second = input.State(3 * key + 3), Blend = k / 3f };
            }
        }
    }

    private static IEnumerable<Shown> Backlog(SimulatedInput input, double compute, double rate)
    {
        var free = 0.0;
        for (var j = 0; ; j++)
        {
            free = Math.Max(free, j * Step) + 1 / rate;
            yield return Shows(input, free + compute, j, free);
        }
    }

    private static IEnumerable<Shown> Clips(SimulatedInput input, int seconds)
    {
        for (var clip = 0; ; clip++)
        {
            var asked = clip * (double)seconds;
            var content = SimulatedInput.NewestAt(asked);
            for (var k = 0; k < seconds * CodeLaw.Rate; k++)
            {
                var shown = Shows(input, asked + seconds + k * Step, content, asked);
                yield return shown with { State = Moved(shown.State, 0.5f * k, k), Reseed = clip };
            }
        }
    }

    private static IEnumerable<Shown> Batches(SimulatedInput input, double seconds, double compute)
    {
        for (var batch = 0; ; batch++)
        {
            var (ready, frames) = ((batch + 1) * seconds + compute, (int)Math.Round(seconds * CodeLaw.Rate));
            for (var k = 0; k < frames; k++)
                yield return Shows(input, ready + k * Step, batch * frames + k, ready - compute) with { Reseed = batch };
        }
    }

    /// <summary>Batches whose pan is extrapolated from the last motion seen, so that they seem up to date.</summary>
    private static IEnumerable<Shown> Predicted(SimulatedInput input, double seconds, double compute)
    {
        foreach (var shown in Batches(input, seconds, compute))
        {
            var late = (float)((shown.Time - shown.Content * Step) / Step);
            var speed = (shown.State.Pan - input.State(shown.Content - 30).Pan) / 30;
            yield return shown with { State = Moved(shown.State, speed * late, (int)late) };
        }
    }

    private static IEnumerable<Shown> LaidOver(IEnumerable<Shown> under, float share, bool edges = false) =>
        under.Select(s => s with { Laid = SimulatedInput.NewestAt(s.Time - 0.1), LaidShare = share, LaidEdges = edges });

    /// <summary>Answers at once, at a rate that wanders between 8 and 60 frames per second.</summary>
    private static IEnumerable<Shown> Uneven(SimulatedInput input, IReadOnlyList<FrameState> footage, SeedStream stream)
    {
        var (time, rate) = (0.2, 30.0);
        while (true)
        {
            rate = Math.Clamp(rate * Math.Exp(0.15 * stream.NextNormal()), 8, 60);
            time += 1 / rate;
            yield return Shows(input, time, SimulatedInput.NewestAt(time - 0.1), time - 0.1);
        }
    }

    private static IEnumerable<Shown> Warped(SimulatedInput input, double delay, double every)
    {
        for (var j = (int)(2.5 * CodeLaw.Rate); ; j++)
        {
            var key = (int)(Math.Floor((j * Step - 1) / every) * every * CodeLaw.Rate);
            var shown = Shows(input, j * Step + delay, key, key * Step);
            yield return shown with { State = shown.State with { Pan = input.State(j).Pan } };
        }
    }

    private static IEnumerable<Shown> Canned(SimulatedInput input, IReadOnlyList<FrameState> footage, bool luma)
    {
        for (var j = 0; ; j++)
        {
            yield return new Shown
            {
                Time = j * Step + 0.1,
                State = footage[j % footage.Count],
                Content = -1,
                Canned = true,
                LumaOf = luma ? j : -1,
            };
        }
    }

    private static IEnumerable<Shown> Loop(IReadOnlyList<FrameState> footage, int period, bool pingPong)
    {
        for (var j = 0; ; j++)
        {
            var at = pingPong ? Math.Abs(j % (2 * period) - period) : j % period;
            yield return new Shown { Time = j * Step + 0.1, State = footage[at], Content = -1, Canned = true, Recorded = at };
        }
    }

    private static IEnumerable<Shown> Filter(SimulatedInput input, double delay, bool plain = false)
    {
        for (var j = 0; ; j++)
            yield return Shows(input, j * Step + delay, j, -1) with { Filtered = !plain, Plain = plain };
    }

    private static IEnumerable<Shown> Prompted(SimulatedInput input, IReadOnlyList<FrameState> footage, double delay, double growth)
    {
        for (var j = 0; ; j++)
        {
            var time = j * Step + 0.1;
            yield return new Shown
            {
                Time = time,
                State = footage[j % footage.Count],
                Content = -1,
                Canned = true,
                Prompt = input.PromptAt(time - delay - growth * time),
            };
        }
    }

    private static IEnumerable<Shown> Leaked(SimulatedInput input, double lead)
    {
        for (var j = (int)(lead * CodeLaw.Rate) + 1; ; j++)
            yield return Shows(input, j * Step - lead, j, j * Step - 1);
    }

    private static Shown Shows(SimulatedInput input, double time, int content, double promptTime) => new()
    {
        Time = time,
        State = input.State(content),
        Content = content,
        Prompt = input.PromptAt(promptTime),
    };

    private static FrameState Moved(FrameState state, float pan, int moment) =>
        state with { Pan = state.Pan + pan, Moment = state.Moment + moment };
}
