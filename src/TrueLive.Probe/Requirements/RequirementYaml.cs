using System.Globalization;
using System.Text;
using System.Text.Json;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace TrueLive.Probe.Requirements;

/// <summary>Reads requirement files. Every error names file, line, key and what is allowed.</summary>
public static class RequirementYaml
{
    /// <summary>The schema that a file names.</summary>
    public const string Schema = "live-ai-video-requirement/1";

    private const int MaxCharacters = 256 * 1024;
    private const int MaxRules = 200;

    // The nesting of a valid file (stream, document, mapping, rules, rule, list of verdicts), and a little more for a better error message.
    private const int MaxDepth = 12;

    /// <summary>Allowed operators.</summary>
    public static IReadOnlyList<string> Operators { get; } = ["<=", ">=", "abs<=", "in"];

    /// <summary>Metrics that a rule may name: those of a report, the tier, and the nature.</summary>
    public static IReadOnlyList<string> Metrics { get; } =
    [
        "tier", "nature", "dep.p", "lock", "delay.D50", "delay.D90", "delay.D95", "delay.D99", "delay.jitter", "delay.frame_jitter",
        "delay.slope",
        "delay.family_gap", "delay.minus_floor", "Q", "burst.N", "input.coverage", "fps.presented", "fps.unique", "fps.generated",
        "freeze.count", "freeze.ratio", "freeze.longest", "ttff.first", "prompt.p", "prompt.t50.D50", "prompt.t50.D90", "prompt.miss",
        "prompt.run_ahead", "boundary.T", "loop", "loop.p", "loop.period", "pingpong", "grain.bound", "nature.same",
        "nature.colour", "nature.structure", "continuity.max_session",
        "start.cold.connect", "start.cold.first", "start.cold.live", "start.warm.connect", "start.warm.first", "start.warm.live",
        "start.failed", "pair.leak", "pair.leak_p", "pair.delay.D50", "pair.fps.generated",
        "stress.calm.frozen", "stress.calm.delay", "stress.rate15.frozen", "stress.rate15.delay", "stress.rate60.frozen",
        "stress.rate60.delay", "stress.loss2.frozen", "stress.loss2.delay", "stress.loss5.frozen", "stress.loss5.delay",
        "stress.cut.recovery", "stress.cut.unrecovered", "stress.cut.frozen",
        "soak.session", "soak.ended", "soak.delay.slope", "soak.frozen", "soak.colour.slope", "soak.return", "soak.scene_p",
    ];

    /// <summary>Labels that a tier rule may name.</summary>
    public static IReadOnlyList<string> Tiers { get; } = [.. Enum.GetValues<Verdicts.TierLabel>().Select(Verdicts.TierVerdict.Text)];

    /// <summary>Labels that a nature rule may name.</summary>
    public static IReadOnlyList<string> Natures { get; } = [.. Enum.GetValues<Verdicts.Nature>().Select(Verdicts.NatureVerdict.Text)];

    private static readonly string[] Units = ["ms", "s", "Hz", "%", "ms/s", "ms/h", "1/min", "frames", "levels", "levels/h", "1", "x"];

    /// <summary>Reads a requirement.</summary>
    /// <exception cref="RequirementException">The file cannot be used.</exception>
    public static Requirement Read(string file, string text)
    {
        if (text.Length > MaxCharacters)
            throw new RequirementException(file, 1, "(file)", "larger than 256 KiB");
        var stream = new YamlStream();
        try
        {
            var parser = new Parser(new StringReader(text));
            for (var depth = 0; parser.MoveNext();)
            {
                // The loader recurses without limit, and aliases can grow without limit, too.
                depth += parser.Current!.NestingIncrease;
                if (depth > MaxDepth || parser.Current is AnchorAlias)
                    throw new RequirementException(file, parser.Current.Start.Line, "(syntax)",
                        $"aliases, and nesting deeper than {MaxDepth}, are not taken");
            }
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new RequirementException(file, e.Start.Line, "(syntax)", e.InnerException?.Message ?? e.Message);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // YamlDotNet's scanner throws these on some malformed texts.
            throw new RequirementException(file, 1, "(syntax)", "not readable as YAML");
        }
        if (stream.Documents.Count != 1 || stream.Documents[0].RootNode is not YamlMappingNode root)
            throw new RequirementException(file, 1, "(file)", "must hold one mapping with the keys schema, id, title, evidence, rules");
        Allow(file, root, ["schema", "id", "title", "input", "evidence", "sessions", "rules"]);
        if (Text(file, root, "schema") is var schema && schema != Schema)
            throw At(file, root, "schema", $"'{schema}' is not known; allowed: {Schema}");
        var evidence = Optional(file, root, "evidence") ?? "E4";
        if (evidence is not ("E1" or "E2" or "E3" or "E4" or "E5"))
            throw At(file, root, "evidence", $"'{evidence}' is not a grade; allowed: E1, E2, E3, E4, E5");
        if (!root.Children.TryGetValue("rules", out var node) || node is not YamlSequenceNode rules
            || rules.Children.Count is 0 or > MaxRules)
            throw At(file, root, "rules", $"must be a list of 1 to {MaxRules} rules");
        var id = Text(file, root, "id");
        return new Requirement(id, Optional(file, root, "title") ?? id, evidence, [.. rules.Children.Select(rule => Rule(file, rule))])
        {
            Sessions = Optional(file, root, "sessions") is not { } sessions ? null
                : int.TryParse(sessions, NumberStyles.None, CultureInfo.InvariantCulture, out var most) && most is >= 1 and <= 1000 ? most
                : throw At(file, root, "sessions", "must be a number from 1 to 1000"),
        };
    }

    /// <summary>The file of a requirement; <see cref="Read"/> reads it back.</summary>
    public static string Write(Requirement requirement)
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture,
            $"schema: {Schema}\nid: {requirement.Id}\ntitle: {Quoted(requirement.Title)}\nevidence: {requirement.Evidence}\n" +
            $"{(requirement.Sessions is { } sessions ? $"sessions: {sessions}\n" : "")}rules:\n");
        foreach (var rule in requirement.Rules)
        {
            var (op, value) = rule.Op == "in" ? ("in", $"[{string.Join(", ", rule.Among)}]") : ($"\"{rule.Op}\"", Number(rule.Value));
            text.Append(CultureInfo.InvariantCulture, $"  - {{metric: {rule.Metric}, op: {op}, value: {value}")
                .Append(rule.Unit is { } unit ? $", unit: \"{unit}\"" : "").Append(rule.Must ? ", level: must" : ", level: should");
            foreach (var (key, said) in new[] { ("why", rule.Why), ("source", rule.Source) })
                text.Append(said is null ? "" : $",\n     {key}: {Quoted(said)}");
            text.Append("}\n");
        }
        return text.ToString();
    }

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    // What JSON escapes, YAML reads in the same way.
    private static string Quoted(string text) => JsonSerializer.Serialize(text, Reports.ProbeReport.Json);

    private static RequirementRule Rule(string file, YamlNode node)
    {
        if (node is not YamlMappingNode rule)
            throw new RequirementException(file, node.Start.Line, "rules", "each rule must be a mapping with metric, op and value");
        Allow(file, rule, ["metric", "op", "value", "unit", "conf", "level", "why", "source"]);
        var metric = OneOf(file, rule, "metric", Text(file, rule, "metric"), Metrics);
        var op = OneOf(file, rule, "op", Text(file, rule, "op"), Operators);
        var level = OneOf(file, rule, "level", Optional(file, rule, "level") ?? "must", ["must", "should"]);
        var unit = Optional(file, rule, "unit") is { } u ? OneOf(file, rule, "unit", u, Units) : null;
        if (Optional(file, rule, "conf") is { } conf && conf != "0.95")
            throw At(file, rule, "conf", $"'{conf}' is not supported; reports carry 95 % intervals: allowed: 0.95");
        if ((metric is "tier" or "nature") != (op == "in"))
            throw At(file, rule, "op", metric is "tier" or "nature"
                ? $"a {metric} takes: in"
                : "'in' is for tier and nature only; allowed: <=, >=, abs<=");
        if (!rule.Children.TryGetValue("value", out var value))
            throw At(file, rule, "value", "is missing");
        var source = Optional(file, rule, "source");
        if (op == "in")
        {
            if (value is not YamlSequenceNode list || list.Children.Count == 0)
                throw At(file, rule, "value", "must be a list of verdicts");
            return new RequirementRule(metric, op, double.NaN,
                [.. list.Children.Select(v => OneOf(file, rule, "value", (v as YamlScalarNode)?.Value ?? "",
                    metric == "tier" ? Tiers : Natures))], level == "must", null, Optional(file, rule, "why")) { Source = source };
        }
        return value is YamlScalarNode { Value: { } number }
            && double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var limit) && double.IsFinite(limit)
            ? new RequirementRule(metric, op, limit, [], level == "must", unit, Optional(file, rule, "why")) { Source = source }
            : throw At(file, rule, "value", "must be a number");
    }

    private static void Allow(string file, YamlMappingNode map, string[] keys)
    {
        foreach (var key in map.Children.Keys)
        {
            var name = (key as YamlScalarNode)?.Value ?? "?";
            if (!keys.Contains(name))
                throw new RequirementException(file, key.Start.Line, name, $"is not known here; allowed: {string.Join(", ", keys)}");
        }
    }

    private static string OneOf(string file, YamlMappingNode map, string key, string value, IReadOnlyList<string> allowed) =>
        allowed.Contains(value) ? value : throw At(file, map, key, $"'{value}' is not known; allowed: {string.Join(", ", allowed)}");

    private static string Text(string file, YamlMappingNode map, string key) =>
        Optional(file, map, key) ?? throw At(file, map, key, "is missing");

    private static string? Optional(string file, YamlMappingNode map, string key) =>
        !map.Children.TryGetValue(key, out var node) ? null
        : node is YamlScalarNode { Value: { Length: > 0 and < 2000 } text } ? text
        : throw At(file, map, key, "must be a text");

    private static RequirementException At(string file, YamlMappingNode map, string key, string message) =>
        new(file, map.Children.TryGetValue(key, out var node) ? node.Start.Line : map.Start.Line, key, message);
}
