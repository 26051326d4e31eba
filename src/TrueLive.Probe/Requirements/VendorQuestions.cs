namespace TrueLive.Probe.Requirements;

/// <summary>What to ask a vendor for, by metric. A figure counts only with how it was measured.</summary>
internal static class VendorQuestions
{
    private static readonly Dictionary<string, (string Name, string Ask)> ByMetric = new()
    {
        ["delay.D95"] = ("Delay of 19 in 20 pictures", "How late is the picture, from the camera to the screen: the middle value and the " +
            "slowest 5 in 100? Measured where, over which network, how often? (\"Response time\" or \"time per frame\" is another figure.)"),
        ["delay.jitter"] = ("How much the delay varies", "By how much does the delay vary within an hour?"),
        ["delay.slope"] = ("How fast the delay grows", "Does the delay grow in a long session? What does it do under overload: skip " +
            "pictures, or queue them?"),
        ["delay.family_gap"] = ("Movement against look", "Is the movement shown from the camera at once, and the look added later?"),
        ["Q"] = ("Longest step", "How many pictures does the model take in before it answers them, and how long is that?"),
        ["fps.generated"] = ("New pictures", "How many new pictures a second does the model make? Repeated and interpolated ones do not " +
            "count."),
        ["freeze.ratio"] = ("Time frozen", "For what share of an hour does the picture stand still?"),
        ["freeze.longest"] = ("Longest freeze", "How long was the longest freeze last month?"),
        ["input.coverage"] = ("Share of your pictures that are answered", "Is any picture of the camera left out, and when?"),
        ["continuity.max_session"] = ("Session without a break", "How long may one session run? What happens at its end: a warning, a new " +
            "session, a black picture?"),
        ["ttff.first"] = ("Time to the first picture", "How long until the first made picture, when the service is cold and when it is " +
            "warm? What is shown until then?"),
        ["prompt.t50.D90"] = ("Prompt to picture, 9 in 10", "How long until a new prompt is seen in the picture, 9 times in 10? Does the " +
            "stream start anew?"),
        ["prompt.miss"] = ("Prompts lost", "How many prompts are lost, and does the service say so?"),
        ["prompt.run_ahead"] = ("Prompts act later and later by", "Does the model work ahead, so that prompts act later as time goes on?"),
        ["nature"] = ("What is made of the picture", "Show a picture of the camera beside the same moment of the result."),
    };

    // What the probe does not measure, and decides in practice.
    private static readonly string[] Always =
    [
        "May we measure it ourselves, with a trial account, from where our viewers are?",
        "What does a minute cost, also while nobody watches? How many sessions may run at once, and what happens to one more?",
        "What is lost when the connection breaks: the session, the prompt, the look?",
        "Where does the video go, and who keeps it for how long?",
    ];

    public static string NameOf(string metric) => ByMetric.TryGetValue(metric, out var known) ? known.Name : metric;

    public static IReadOnlyList<string> For(IReadOnlyList<RequirementRule> rules, int tier) =>
    [
        .. tier == 3
            ? new[] { "Which pictures of ours does the service look at: each one, or a still now and then?" }
            : ["How long does a clip take from request to file, 9 times in 10, and how long is the clip?"],
        .. rules.Select(r => r.Metric).Where(ByMetric.ContainsKey).Select(m => ByMetric[m].Ask), .. Always,
    ];
}
