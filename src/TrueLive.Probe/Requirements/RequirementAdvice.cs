using System.Globalization;

namespace TrueLive.Probe.Requirements;

/// <summary>One figure of a requirement, in words.</summary>
/// <param name="Name">What is measured.</param>
/// <param name="Limit">Its limit with the unit.</param>
/// <param name="Must">False for "should".</param>
/// <param name="Why">Why it is so.</param>
/// <param name="Source">Where it comes from.</param>
public sealed record RequirementFigure(string Name, string Limit, bool Must, string Why, string Source);

/// <summary>What somebody needs who has answered the questions: which tier, why, the requirement, and what to ask a vendor.</summary>
/// <param name="Tier">3 live, 2 interactive clips, 1 clips.</param>
/// <param name="Heading">The answer in one sentence.</param>
/// <param name="Why">Reasons in plain words.</param>
/// <param name="Warnings">Where the answers contradict each other, and what the probe does not measure of them.</param>
/// <param name="Figures">The figures of the requirement.</param>
/// <param name="Ask">What to ask a vendor for.</param>
/// <param name="Yaml">The requirement as <c>probe --require</c> takes it.</param>
/// <param name="Picture">The answer as an SVG.</param>
public sealed record RequirementAdvice(
    int Tier, string Heading, IReadOnlyList<string> Why, IReadOnlyList<string> Warnings, IReadOnlyList<RequirementFigure> Figures,
    IReadOnlyList<string> Ask, string Yaml, string Picture)
{
    /// <summary>Answers the answers.</summary>
    public static RequirementAdvice For(RequirementAnswers answers)
    {
        var preset = RequirementYaml.Read(answers.Build, RequirementPresets.Yaml(answers.Build)!);
        var rules = new RequirementRules(preset.Rules);
        var warnings = new List<string>();
        if (answers.Watch != "usual")
            rules.Watched(answers.Watch);
        if (answers.Delay != "usual")
            warnings.AddRange(rules.Allow(answers.Delay));
        foreach (var kept in answers.Keep)
            warnings.AddRange(rules.Keep(kept));
        var tier = rules.Settle();
        var title = answers is { Watch: "usual", Delay: "usual", Keep.Count: 0 } ? preset.Title : preset.Title + ", as answered";
        // Only a run that the probe makes itself shows that a system is live.
        var evidence = tier == 3 ? "E4" : preset.Evidence;
        var requirement = new Requirement(answers.Build, title, evidence, rules.All);
        return new RequirementAdvice(tier, HeadingOf(tier, rules.DelayMs), Reasons(answers, tier, rules), warnings,
            [.. rules.All.Where(r => r.Metric != "tier").Select(Figure)], VendorQuestions.For(rules.All, tier),
            RequirementYaml.Write(requirement), RequirementPicture.Draw(tier, rules.DelayMs));
    }

    /// <summary>A delay in words.</summary>
    internal static string Words(double ms) => ms < 1000
        ? string.Create(CultureInfo.InvariantCulture, $"{ms:0} ms")
        : string.Create(CultureInfo.InvariantCulture, $"{ms / 1000:0.#} s");

    private static string HeadingOf(int tier, double? delay) => tier switch
    {
        3 => "You need tier 3, live: a stream that answers your camera while it runs" +
            (delay is { } ms ? $", at most {Words(ms)} late." : "."),
        2 => "You need tier 2, interactive: short clips that are made again at once when you change something. Tier 3 will do as well.",
        _ => "You need tier 1, clips: finished video, whenever it is ready. Any tier will do; choose by quality and price.",
    };

    private static List<string> Reasons(RequirementAnswers answers, int tier, RequirementRules rules)
    {
        string Chosen(string question, string choice) => RequirementQuestion.Of(question).Choices.First(c => c.Id == choice).Words;
        var reasons = new List<string>
        {
            tier switch
            {
                3 => $"You build this: {Chosen("build", answers.Build).ToLowerInvariant()}. What is in front of the camera now must be in the " +
                    "picture now. A clip shows what was.",
                2 => "You change something and want to see what it does. Nobody stands before a camera and waits for his own picture.",
                _ => "Nobody waits for the picture while it is made.",
            },
        };
        if (rules.DelayRule is { } delay)
            reasons.Add($"At most {Words(delay.Value)}: {delay.Why} ({delay.Source}).");
        if (tier == 3 && rules.Grain is { } grain)
            reasons.Add(grain <= 0.15
                ? "Frame by frame: a system that collects pictures and answers them together is late by that much again."
                : $"Steps of at most {Words(1000 * grain)}: a system may collect pictures for so long before it answers them.");
        return reasons;
    }

    private static RequirementFigure Figure(RequirementRule rule) => new(VendorQuestions.NameOf(rule.Metric),
        rule.Op switch
        {
            "in" => string.Join(" or ", rule.Among),
            ">=" => $"at least {Value(rule)}",
            "abs<=" => $"at most {Value(rule)} either way",
            _ => $"at most {Value(rule)}",
        }, rule.Must, rule.Why ?? "", rule.Source ?? "our judgement");

    private static string Value(RequirementRule rule) => rule.Unit switch
    {
        "ms" => Words(rule.Value),
        "s" when rule.Value >= 3600 => string.Create(CultureInfo.InvariantCulture, $"{rule.Value / 3600:0.#} h"),
        "s" => Words(1000 * rule.Value),
        "Hz" => string.Create(CultureInfo.InvariantCulture, $"{rule.Value:0.#} a second"),
        "1" => string.Create(CultureInfo.InvariantCulture, $"{100 * rule.Value:0.##} %"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{rule.Value:0.###} {rule.Unit}"),
    };
}
