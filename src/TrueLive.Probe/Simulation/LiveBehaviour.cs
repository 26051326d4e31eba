using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Simulation;

/// <summary>What a misbehaving server shows next, from what it has received. Times in seconds of its own clock.</summary>
/// <param name="Name">On the command line.</param>
/// <param name="Accepts">Verdicts that are right under the quick profile.</param>
/// <param name="Next">What to show at a tick (30 a second), given by its number; null shows nothing.</param>
public sealed record LiveBehaviour(string Name, string[] Accepts, Func<ReceivedVideo, int, LiveShown?> Next)
{
    private const double Tick = 1.0 / CodeLaw.Rate;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<LiveBehaviour> All { get; } =
    [
        new("stream", ["T3-F"], (v, n) => new(v.At(n * Tick), v.Prompt(n * Tick))),
        new("stream+200ms", ["T3-F"], (v, n) => new(v.At(n * Tick - 0.2), v.Prompt(n * Tick - 0.2))),
        new("stream+800ms", ["T3-F"], (v, n) => new(v.At(n * Tick - 0.8), v.Prompt(n * Tick - 0.8))),
        new("chunk-paced", ["T3-C"], (v, n) => new(v.At((n - 24) * Tick), v.Prompt((n / 12 * 12 - 12) * Tick))),
        new("clips-2s", ["T2"], (v, n) => new(v.At((n / 60 * 60 - 60) * Tick), v.Prompt((n / 60 * 60 - 60) * Tick), Reseed: n / 60,
            Roll: n % 60 / 2)),
        new("backlog", ["T3-unstable"], (v, n) => new(v.At(n * Tick * 0.9), v.Prompt(n * Tick * 0.9))),
        new("canned", ["not live"], (_, n) => new(null, 0, Canned: n)),
        new("loop", ["replay"], (_, n) => new(null, 0, Canned: n % 90)),
        new("prompt-only", ["T3-prompt", "prompt-only"], (v, n) => new(null, v.Prompt(n * Tick - 0.5), Canned: n)),
        new("filter", ["T3-F", "T3"], (v, n) => new(v.At(n * Tick), 0, Plain: true)),
    ];

    /// <summary>Those that only a trial after the run tells from an honest stream; what they accept is what their trial finds.</summary>
    public static IReadOnlyList<LiveBehaviour> ForTrials { get; } =
    [
        new("one-place", ["pair not tested"], (v, n) => Stream(v, n)) { Places = 1 },
        new("slow-start", ["start.warm.first above 6 s"], (v, n) => n * Tick - v.Began > 6 ? Stream(v, n) : null),
        new("placeholder", ["start.warm.live above 6 s"], (v, n) => n * Tick - v.Began > 6 ? Stream(v, n) : new(null, 0, Canned: n)),
        new("leak", ["pair.leak above 0"], (v, n) => Stream(v, n) with { Under = v.Beside?.Invoke()?.At(n * Tick), UnderShare = 0.5f }),
        new("late-after-cut", ["stress.cut.recovery above 3 s"], (v, n) => new(v.At(v.GapEnded(n * Tick) is var gap
            && n * Tick - gap < 4 ? gap - 2 : n * Tick), v.Prompt(n * Tick))),
        new("dead-after-cut", ["stress.cut.unrecovered above 0"], (v, n) => n * Tick - v.GapEnded(n * Tick) < 30
            ? new(null, 0, Canned: n) : Stream(v, n)),
        new("thirsty", ["stress.rate15.frozen above 20 %"], (v, n) => v.Rate(n * Tick) < 22 && n % 60 < 30 ? null : Stream(v, n)),
        new("fading", ["soak.colour.slope above 0"], (v, n) => Stream(v, n) with { Fade = (float)(0.05 * (n * Tick - v.Began)) }),
        new("remembering", ["soak.scene_p below 0.01"], (v, n) => Stream(v, n) with
        { Under = v.At(n * Tick - 15), UnderShare = 0.25f }),
    ];

    /// <summary>Sessions that it takes at the same time.</summary>
    public int Places { get; init; } = 2;

    private static LiveShown Stream(ReceivedVideo video, int n) => new(video.At(n * Tick), video.Prompt(n * Tick));
}

/// <summary>One picture of a misbehaving server.</summary>
/// <param name="Picture">The picture that it received; null for the server's own footage.</param>
/// <param name="Prompt">The prompt in force, +1 or -1; 0 before the first.</param>
/// <param name="Reseed">Number of the generation.</param>
/// <param name="Roll">Pixels by which the picture is moved.</param>
/// <param name="Canned">Frame of the server's own footage.</param>
/// <param name="Plain">A colour filter instead of the look.</param>
/// <param name="Under">Another picture that shows through.</param>
/// <param name="UnderShare">How much of it shows, 0 to 1.</param>
/// <param name="Fade">Grey levels that red has gained.</param>
public readonly record struct LiveShown(
    Picture? Picture, int Prompt, int Reseed = 0, int Roll = 0, int Canned = 0, bool Plain = false, Picture? Under = null,
    float UnderShare = 0, float Fade = 0);

/// <summary>The last seconds of video and all prompts that a misbehaving server has received.</summary>
public sealed class ReceivedVideo
{
    private const int Kept = 30 * CodeLaw.Rate;
    private readonly Lock _gate = new();
    private readonly Queue<(double Time, Picture Picture)> _pictures = new();
    private readonly List<(double Time, int State)> _prompts = [];
    private string? _first;
    private double _last = double.NaN;
    private double _gapEnded = double.NegativeInfinity;

    /// <summary>The video of another session of the same server; null where there is none.</summary>
    public Func<ReceivedVideo?>? Beside { get; set; }

    /// <summary>When the first picture came; infinity before it.</summary>
    public double Began { get; private set; } = double.PositiveInfinity;

    /// <summary>Adds a picture.</summary>
    public void Add(double time, Picture picture)
    {
        lock (_gate)
        {
            Began = Math.Min(Began, time);
            if (time - _last > 1)
                _gapEnded = time;
            _last = time;
            _pictures.Enqueue((time, picture));
            while (_pictures.Count > Kept)
                _pictures.Dequeue();
        }
    }

    /// <summary>Adds a prompt: the first text is state +1, any other -1.</summary>
    public void AddPrompt(double time, string text)
    {
        lock (_gate)
        {
            _first ??= text;
            if (_prompts.Count < 10_000)
                _prompts.Add((time, text == _first ? 1 : -1));
        }
    }

    /// <summary>The newest picture that had arrived by a time, or the oldest kept if all arrived later; null when there is none.</summary>
    public Picture? At(double time)
    {
        lock (_gate)
        {
            Picture? found = null;
            foreach (var (at, picture) in _pictures)
            {
                if (at > time && found is not null)
                    break;
                found = picture;
            }
            return found;
        }
    }

    /// <summary>When pictures came again after the last gap of more than a second; negative infinity when there was none.</summary>
    public double GapEnded(double time)
    {
        lock (_gate)
            return _gapEnded <= time ? _gapEnded : double.NegativeInfinity;
    }

    /// <summary>Pictures that came in the second before.</summary>
    public int Rate(double time)
    {
        lock (_gate)
            return _pictures.Count(p => p.Time > time - 1 && p.Time <= time);
    }

    /// <summary>The prompt in force at a time.</summary>
    public int Prompt(double time)
    {
        lock (_gate)
            return _prompts.FindLast(p => p.Time <= time).State;
    }
}
