using System.Text.RegularExpressions;

namespace TrueLive.Core.Tests.House;

/// <summary>
/// The folders of a project refer to each other in one direction only, and only as listed here, so that a reader knows what need not be
/// read. References are found by name in the source, without comments and strings.
/// </summary>
public sealed partial class FolderTests
{
    // Each folder and those that it may refer to; a slash is the project's own folder. An addition is a design decision: first look for a
    // folder that both may refer to, and move the type there.
    private static readonly Dictionary<string, string> Allowed = new()
    {
        ["TrueLive.Core"] = """
            Clips: Frames Models
            Sessions: Frames Models
            Tiers: Models
            Models: Frames
            """,
        ["TrueLive.Media"] = """
            Codecs: Native
            Files: Native
            Isolated: Codecs Native
            """,
        ["TrueLive.Workers"] = """
            /: Frames Jail Link
            Link: Jail
            """,
        ["TrueLive.WebRtc"] = """
            Whip: / Sdp Transport
            /: Dtls Ice Peers Rtp Sctp Sdp Stun Timing Transport
            Peers: Dtls Ice Packets Rtp Sctp Sdp Srtp Stun Timing
            Rtp: Congestion Packets Rtcp Sdp Timing
            Transport: Ice
            Congestion: Rtcp Timing
            Dtls: Srtp
            Ice: Packets Stun Timing
            Sctp: Timing
            """,
        ["TrueLive.Models"] = """
            /: Catalogue Diffusion Graphs Manifest Onnx
            Onnx: Catalogue Devices Fused Grading Graphs Manifest Motion Prompts Threads
            Diffusion: Catalogue Devices Graphs Manifest Prompts Text
            Fused: Convolutions Graphs Manifest
            Catalogue: Devices Graphs Manifest
            Convolutions: Graphs Threads
            Text: Devices Graphs Manifest Prompts
            Graphs: Devices Manifest
            Devices: Manifest
            Motion: Threads
            Masks: Graphs Palettes
            Palettes: Grading Prompts
            Grading: Prompts
            Prompts: Manifest
            """,
        ["TrueLive.Hub"] = """
            /: Cache Layouts Repositories Transfer
            Transfer: Cache Repositories
            Cache: Repositories
            Layouts: Repositories
            """,
        ["TrueLive.Probe"] = """
            Clips: / Analysis Estimators Features Recordings Reports Requirements Stimuli Targets Verdicts
            /: Analysis Estimators Features Reports Requirements Stimuli Targets Trials Verdicts
            Trials: Analysis Estimators Features Reports Stimuli Targets Verdicts
            Requirements: Reports Verdicts
            Simulation: Analysis Estimators Features Recordings Reports Stimuli Verdicts
            Recordings: Analysis Estimators Features Stimuli Verdicts
            Reports: Analysis Estimators Features Stimuli Verdicts
            Verdicts: Analysis Estimators Features Stimuli
            Analysis: Estimators Features Stimuli
            Estimators: Features Stimuli
            Features: Stimuli
            Targets: Stimuli
            """,
        ["TrueLive.Server"] = """
            /: Access Capacity Clips Configuration Http Interactive Journals Live/Sessions Live/Transports Previews Probes
            /: Fleet Pictures Recordings Resources Streams Telemetry Tls Usage
            Http: Access Capacity Clips Configuration Interactive Journals Live/Broadcast Live/Control Live/Sessions
            Http: Fleet Live/Transports Pictures Previews Probes Recordings Resources Streams Streams/Hls Usage
            Fleet: Access Capacity Configuration Live/Sessions Resources Tls Usage
            Telemetry: Access Capacity Clips Configuration Interactive Live/Sessions Live/Transports Resources Streams Usage
            Streams: Access Configuration Live/Broadcast Live/Sessions Recordings Resources
            Streams: Streams/Hls Streams/Rtmp
            Streams/Hls: Configuration Resources
            Interactive: Access Capacity Clips Configuration Live/Sessions Pictures Resources
            Live/Transports: Access Configuration Live/Broadcast Live/Control Live/Sessions
            Clips: Access Capacity Configuration Journals Live/Sessions Pictures Resources Usage
            Usage: Access Configuration Live/Sessions Resources
            Live/Control: Journals Live/Broadcast Live/Sessions Recordings
            Previews: Capacity Live/Sessions Live/Transports Resources
            Live/Sessions: Capacity Configuration Journals Live/Broadcast Recordings Resources
            Probes: Access Configuration Resources
            Pictures: Capacity Configuration Resources
            Access: Configuration Resources
            Capacity: Configuration Resources
            Journals: Configuration Resources
            Recordings: Configuration Resources
            Tls: Configuration Resources
            Resources: Configuration
            """,
        ["TrueLive.Fleet"] = """
            /: Gateway Grains Links
            Gateway: Grains Links Placement
            Links: Grains
            Grains: Placement
            """,
        ["TrueLive.Cli"] = """
            /: Doctor
            """,
    };

    [Fact]
    public void Folders_refer_only_to_what_is_listed_for_them()
    {
        var wrong = Projects().SelectMany(p => References(p)
            .Where(r => !Listed(p).GetValueOrDefault(r.From, []).Contains(r.To))
            .Select(r => $"{Path.GetFileName(p)}: {r.From} refers to {r.To} ({r.File} to {r.Type})")).Order(StringComparer.Ordinal);
        HouseTests.None(wrong);
    }

    [Fact]
    public void No_list_runs_in_a_circle()
    {
        foreach (var (project, lines) in Allowed)
        {
            var left = Read(lines);
            while (left.Keys.FirstOrDefault(f => !left[f].Any(left.ContainsKey)) is { } ground)
                left.Remove(ground);
            Assert.True(left.Count == 0, $"{project}: in a circle, or above one, are {string.Join(", ", left.Keys)}.");
        }
    }

    [Fact]
    public void Nothing_is_listed_that_is_not_there()
    {
        var idle = Projects().SelectMany(p => Listed(p).SelectMany(l => l.Value
            .Except(References(p).Where(r => r.From == l.Key).Select(r => r.To))
            .Select(to => $"{Path.GetFileName(p)}: {l.Key} does not refer to {to}")));
        HouseTests.None(idle);
    }

    [Theory]
    [InlineData("// Ground and /* more */ Ground", "")]
    [InlineData("/* Ground\n Ground */ Top", "Top")]
    [InlineData("'\"' Ground '\\''", "Ground")]
    [InlineData("\"// \\\" Ground\" Top", "Top")]
    [InlineData("@\"C:\\\" Top @\"a \"\" Ground\"", "Top")]
    [InlineData("\"\"\"\n \" Ground \"\"\n\"\"\" Top", "Top")]
    [InlineData("$\"Ground {Top(\"Ground\")} {{Ground}}\"", "Top")]
    [InlineData("$$\"\"\"\n{Ground} {{Top}} \" Ground\n\"\"\"", "Top")]
    public void Words_in_comments_and_strings_are_no_references(string source, string words) =>
        Assert.Equal(words, string.Join(' ', Word().Matches(Bare(source)).Select(m => m.Value)));

    private static IEnumerable<string> Projects() => Directory.EnumerateDirectories(Path.Combine(HouseTests.Root, "src"));

    private static Dictionary<string, string[]> Listed(string project) => Read(Allowed.GetValueOrDefault(Path.GetFileName(project), ""));

    private static Dictionary<string, string[]> Read(string lines) => lines
        .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        .Select(line => line.Split(": ")).GroupBy(l => l[0], l => l[1].Split(' '))
        .ToDictionary(g => g.Key, g => g.SelectMany(to => to).ToArray(), StringComparer.Ordinal);

    private static List<(string From, string To, string File, string Type)> References(string project)
    {
        var files = HouseTests.Sources().Where(f => f.StartsWith(project + "/", StringComparison.Ordinal))
            .Select(f => new SourceFile(project, f)).ToList();
        var types = files.SelectMany(f => f.Types.Select(type => (Type: type, File: f))).ToLookup(t => t.Type, t => t.File);
        return
        [
            .. from file in files
               from word in file.Words
               let parts = word.Split('.')
               from take in Enumerable.Range(1, parts.Length)
               let type = parts[take - 1]
               let qualifier = string.Join('.', parts[..(take - 1)])
               from other in types[type]
               where other.Folder != file.Folder && file.Sees(other.Namespace, qualifier)
               group type by (file.Folder, other.Folder, file.Name) into found
               select (found.Key.Item1, found.Key.Item2, found.Key.Name, found.First()),
        ];
    }

    // The source without comments and with empty strings; of an interpolated string the expressions in its braces.
    private static string Bare(string source) =>
        Token().Replace(source, m => m.Value[0] == '$' ? Holes(m.Value) : m.Value[0] == '/' ? " " : "\"\"");

    private static string Holes(string text)
    {
        var depth = text.TakeWhile(c => c == '$').Count();
        var hole = new Regex($@"(?<!\{{)\{{{{{depth}}}(?!\{{)((?:[^{{}}""]|""(?:\\.|[^""\\])*""|\{{[^{{}}]*\}})*)\}}{{{depth}}}");
        return string.Join(' ', hole.Matches(text[depth..]).Select(m => Bare(m.Groups[1].Value)));
    }

    private sealed class SourceFile
    {
        private readonly HashSet<string> _visible;

        public SourceFile(string project, string path)
        {
            var code = Bare(File.ReadAllText(path));
            Name = Path.GetFileNameWithoutExtension(path);
            Folder = Path.GetRelativePath(project, Path.GetDirectoryName(path)!) is var folder and not "." ? folder : "/";
            Namespace = NamespaceLine().Match(code) is { Success: true } found ? found.Groups[1].Value : "";
            _visible = [.. UsingLine().Matches(code).Select(m => m.Groups[1].Value)];
            for (var at = Namespace; at.Length > 0; at = at.LastIndexOf('.') is > 0 and var dot ? at[..dot] : "")
                _visible.Add(at);
            Types = [.. TypeLine().Matches(code).Select(m => m.Groups[1].Value).Distinct()];
            Words = [.. Word().Matches(code).Select(m => m.Value).Distinct()];
        }

        public string Name { get; }

        public string Folder { get; }

        public string Namespace { get; }

        public IReadOnlyList<string> Types { get; }

        /// <summary>Names as written, with their dots.</summary>
        public IReadOnlyList<string> Words { get; }

        /// <summary>Whether a name with this qualifier can refer to a type of the namespace.</summary>
        public bool Sees(string @namespace, string qualifier) => qualifier.Length == 0 ? _visible.Contains(@namespace)
            : qualifier == @namespace || (@namespace.EndsWith("." + qualifier, StringComparison.Ordinal)
                && _visible.Contains(@namespace[..^(qualifier.Length + 1)]));
    }

    [GeneratedRegex("""
        //[^\n]* | /\*[\s\S]*?\*/ | '(?:\\.|[^'\\\n])+' | \$*("{3,})[\s\S]*?\1 | \$?@\$?"(?:""|[^"])*"
        | \$"(?:\\.|\{\{|\{(?:[^{}"]|"(?:\\.|[^"\\])*"|\{[^{}]*\})*\}|[^"\\{])*" | "(?:\\.|[^"\\\n])*"
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Token();

    [GeneratedRegex(@"(?<![\w.])[A-Z]\w*(?:\.[A-Z]\w*)*")]
    private static partial Regex Word();

    [GeneratedRegex(@"^namespace\s+([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(@"^using\s+(?:static\s+)?([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex UsingLine();

    [GeneratedRegex(
        @"^(?:(?:public|internal|file|sealed|static|abstract|partial|readonly|ref|unsafe)\s+)*"
        + @"(?:class|struct|interface|enum|record(?:\s+struct|\s+class)?|delegate\s[\w<>,\[\]\s?.]+?)\s+(\w+)", RegexOptions.Multiline)]
    private static partial Regex TypeLine();
}
