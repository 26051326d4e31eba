namespace TrueLive.Probe.Requirements;

/// <summary>The rules of a preset, changed by what somebody answered. But for who watches, a change only makes it stricter.</summary>
internal sealed class RequirementRules(IReadOnlyList<RequirementRule> preset)
{
    private const string Ours = "our judgement";

    // Clips are not of use to whom something must be shown within this time.
    private const double ClipsFromMs = 10_000;

    private static readonly string[] Streams = ["T3-F", "T3-C", "T3"];
    private static readonly string[] Again = ["T3-F", "T3-C", "T3-S", "T3", "T2", "hybrid"];
    private static readonly string[] OfStreams = ["Q", "freeze.ratio", "freeze.longest", "delay.slope", "delay.jitter", "ttff.first",
        "continuity.max_session", "delay.family_gap", "prompt.run_ahead", "input.coverage"];

    private readonly List<RequirementRule> _rules = [.. preset];
    private bool _waits;

    public IReadOnlyList<RequirementRule> All => _rules;

    public RequirementRule? DelayRule => Find("delay.D95");

    public double? DelayMs => DelayRule?.Value;

    /// <summary>The longest step, in seconds.</summary>
    public double? Grain => Find("Q")?.Value;

    // Who waits for finished clips needs nothing that a stream must keep up.
    private bool Clips => _waits && DelayMs is not <= ClipsFromMs;

    /// <summary>Replaces the preset's viewers.</summary>
    public void Watched(string who)
    {
        _waits = who == "nobody";
        if (who == "nobody")
            _rules.RemoveAll(r => r.Metric == "delay.D95");
        else
            Put(who switch
            {
                "self" => Delay(200, "people who see themselves feel that it is they up to about 190 ms", "robot hand study"),
                "partner" => Delay(400, "below 0.4 s is preferred where people answer each other", "EN 301 549"),
                _ => Delay(ClipsFromMs, "people wait with attention for about 10 s", "Miller 1968"),
            });

        static RequirementRule Delay(double ms, string why, string source) =>
            new("delay.D95", "<=", ms, [], true, "ms", why) { Source = source };
    }

    /// <summary>Takes the delay that may be; returns what contradicts it.</summary>
    public IEnumerable<string> Allow(string choice)
    {
        double? allowed = choice switch
        { "instant" => 100, "mirror" => 200, "talk" => 400, "second" => 1000, "seconds" => 5000, _ => null };
        _waits = allowed is null;
        var needed = DelayRule;
        if (allowed is { } most && (needed is null || most <= needed.Value))
        {
            AtMost("delay.D95", most, "ms", "so you answered", "your answer");
            return [];
        }
        return needed is null ? [] :
            [$"You would take {(allowed is { } ms ? RequirementAdvice.Words(ms) : "any delay")}, but those who watch need " +
                $"{RequirementAdvice.Words(needed.Value)}: {needed.Why} ({needed.Source}). The smaller figure stands. If it is too strict, " +
                "answer anew who watches."];
    }

    /// <summary>Adds what must survive; returns what the probe cannot measure of it.</summary>
    public IEnumerable<string> Keep(string what)
    {
        switch (what)
        {
            case "sound":
                AtMost("delay.jitter", 60, "ms", "sound can be held back by a fixed time only, and is seen to be off from 90 ms",
                    "lip-sync table");
                Slope();
                return Clips ? [] : ["The probe measures the picture only. Watch a clap with your own ears and eyes."];
            case "hours":
                AtLeast("continuity.max_session", 14_400, "s", "four hours without a break, as a show or a shift has them", Ours);
                Slope();
                return Clips ? [] : ["A run proves only as many hours as it lasts: a requirement of four hours needs a run of four hours."];
            case "prompts":
                AtMost("prompt.t50.D90", 1000, "ms", "up to 1 s the thought is not broken", "Miller 1968");
                AtMost("prompt.miss", 5, "%", "one prompt in twenty may be lost", Ours);
                return [];
            case "movement":
                AtMost("delay.family_gap", 50, "ms", "no ghost: movement and look must not come at different times", Ours);
                AtLeast("fps.generated", 24, "Hz", "what films have; 20 are good in a call", Ours);
                return [];
            case "look":
                Nature("a filter of colours is not what you asked for");
                return [];
            default:
                AtLeast("input.coverage", 0.999, "1", "nothing that happens may be left out", Ours);
                Nature("a picture that passes through shows the original");
                return ["The probe does not look for originals that slip through at start-up, under overload or after a break. Ask for it " +
                    "in writing, and try each of the three yourself."];
        }
    }

    /// <summary>Fits tier and grain to the delay, and returns the tier that is needed.</summary>
    public int Settle()
    {
        var wasLive = !Find("tier")!.Among.Contains("T2");
        if (Clips || (!wasLive && DelayMs is not <= ClipsFromMs))
        {
            if (Clips)
                _rules.RemoveAll(r => OfStreams.Contains(r.Metric));
            var again = Find("prompt.t50.D90") is not null;
            if (wasLive || (again && Find("tier")!.Among.Contains("T1")))
                Tier(again ? Again : [.. Again, "T1", "T3-unstable"],
                    again ? "clips that are made again at once will do" : "finished clips will do");
            return again || !Find("tier")!.Among.Contains("T1") ? 2 : 1;
        }
        // A step of a length makes some pictures late by as much.
        if (DelayMs is { } delay)
            AtMost("Q", Math.Min(1.5, delay / 1000), "s", "steps as fine as the delay, since a step makes pictures as late as it is long", Ours);
        if (Grain is <= 0.15)
            Tier(["T3-F"], "each picture must answer by itself");
        else if (!wasLive)
            Tier(Streams, "those who watch wait for the picture");
        return 3;
    }

    private RequirementRule? Find(string metric) => _rules.Find(r => r.Metric == metric);

    private void Slope() => Put(Find("delay.slope") ?? new RequirementRule("delay.slope", "abs<=", 0.2, [], true, "ms/s",
        "at most 0.12 s more delay after ten minutes") { Source = Ours });

    private void Nature(string why) => Put(new RequirementRule("nature", "in", double.NaN,
        ["restyles or generates", "filters structure"], true, null, why) { Source = Ours });

    private void Tier(IReadOnlyList<string> among, string why)
    {
        if (!Find("tier")!.Among.SequenceEqual(among))
            Put(new RequirementRule("tier", "in", double.NaN, among, true, null, why) { Source = Ours });
    }

    private void AtMost(string metric, double value, string unit, string why, string source)
    {
        if (Find(metric) is not { } now || now.Value > value)
            Put(new RequirementRule(metric, "<=", value, [], true, unit, why) { Source = source });
    }

    private void AtLeast(string metric, double value, string unit, string why, string source)
    {
        if (Find(metric) is not { } now || now.Value < value)
            Put(new RequirementRule(metric, ">=", value, [], true, unit, why) { Source = source });
    }

    private void Put(RequirementRule rule)
    {
        if (_rules.FindIndex(r => r.Metric == rule.Metric) is >= 0 and var at)
            _rules[at] = rule;
        else
            _rules.Add(rule);
    }
}
