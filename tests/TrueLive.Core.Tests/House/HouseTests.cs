using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace TrueLive.Core.Tests.House;

/// <summary>The project's rules that a machine can check. A change of them is a decision to be recorded.</summary>
public sealed partial class HouseTests
{
    internal static readonly string Root = FindRoot();

    // Each project exists to keep its packages out of the others.
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["TrueLive.Core"] = ["Microsoft.Extensions.Logging.Abstractions"],
        ["TrueLive.Media"] = ["TrueLive.Core"],
        ["TrueLive.Decoder"] = ["TrueLive.Media"],
        ["TrueLive.Workers"] = ["TrueLive.Core"],
        ["TrueLive.Models"] = ["TrueLive.Core", "TrueLive.Workers", "Microsoft.ML.OnnxRuntime", "Microsoft.ML.Tokenizers",
            "System.Numerics.Tensors"],
        ["TrueLive.Hub"] = ["TrueLive.Models"],
        ["TrueLive.WebRtc"] = ["TrueLive.Core", "BouncyCastle.Cryptography"],
        ["TrueLive.Clips"] = ["TrueLive.Core", "Microsoft.Data.Sqlite", "Npgsql"],
        ["TrueLive.Probe"] = ["TrueLive.Core", "TrueLive.Media", "TrueLive.WebRtc", "System.Numerics.Tensors", "YamlDotNet"],
        ["TrueLive.Watch"] = ["TrueLive.Probe", "Microsoft.Data.Sqlite", "Npgsql"],
        ["TrueLive.Server"] =
        [
            "TrueLive.Core", "TrueLive.Media", "TrueLive.Decoder", "TrueLive.Models", "TrueLive.WebRtc", "TrueLive.Clips",
            "Microsoft.AspNetCore.OpenApi", "OpenTelemetry.Extensions.Hosting", "OpenTelemetry.Exporter.Prometheus.AspNetCore",
            "OpenTelemetry.Exporter.OpenTelemetryProtocol",
            "Scalar.AspNetCore", "YamlDotNet",
        ],
        ["TrueLive.Fleet"] =
        [
            "TrueLive.Server", "Microsoft.Orleans.Server", "Microsoft.Orleans.Sdk", "Microsoft.Orleans.Serialization.SystemTextJson",
            "Microsoft.Orleans.Clustering.AdoNet", "Microsoft.Orleans.Clustering.Redis", "Npgsql", "StackExchange.Redis",
            "Yarp.ReverseProxy",
        ],
        ["TrueLive.Cli"] =
        [
            "TrueLive.Hub", "TrueLive.Server", "TrueLive.Fleet", "TrueLive.Probe", "TrueLive.Watch", "System.CommandLine", "Spectre.Console",
        ],
    };

    [Fact]
    public void Every_project_references_only_what_it_exists_for()
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories))
        {
            var name = Path.GetFileNameWithoutExtension(file);
            Assert.True(Allowed.TryGetValue(name, out var allowed),
                $"{name} is not a room of this house: add it to HouseTests and ARCHITECTURE.md.");
            var references = XDocument.Load(file).Descendants()
                .Where(e => e.Name.LocalName is "ProjectReference" or "PackageReference")
                .Select(e => Path.GetFileNameWithoutExtension(e.Attribute("Include")!.Value) is var stem
                    && e.Name.LocalName == "ProjectReference"
                    ? stem : e.Attribute("Include")!.Value);
            Assert.True(!references.Except(allowed!).Any(), $"{name} must not reference {string.Join(", ", references.Except(allowed!))}.");
        }
    }

    [Fact]
    public void No_source_file_is_longer_than_500_lines()
    {
        var long_ = Sources().Select(f => (File: f, Lines: File.ReadLines(f).Count())).Where(f => f.Lines > 500);
        Assert.Empty(long_.Select(f => $"{Path.GetRelativePath(Root, f.File)}: {f.Lines}"));
    }

    // What stands inside strings does not count, since some texts cannot be divided.
    [Fact]
    public void Lines_of_code_are_at_most_140_characters_long() =>
        None(new[] { "src", "tests", "bench", "samples" }.SelectMany(Sources)
            .SelectMany(f => RawText().Replace(File.ReadAllText(f), "\"\"").Split('\n')
                .Where(l => l.Length > 140 && Text().Replace(l, "").Length > 100)
                .Select(l => $"{Path.GetRelativePath(Root, f)}: {l.Trim()}")));

    [Fact]
    public void Lines_of_Python_are_at_most_140_characters_long() =>
        None(new[] { "bench", "samples", "tests", "training", "worker" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root, folder), "*.py", SearchOption.AllDirectories))
            .Where(f => !f.Contains("node_modules", StringComparison.Ordinal))
            .SelectMany(f => File.ReadLines(f).Where(l => l.Length > 140 && Text().Replace(l, "").Length > 100)
                .Select(l => $"{Path.GetRelativePath(Root, f)}: {l.Trim()}")));

    [Fact]
    public void Program_is_at_most_40_lines() =>
        Assert.InRange(File.ReadLines(Path.Combine(Root, "src/TrueLive.Cli/Program.cs")).Count(), 1, 40);

    [Fact]
    public void No_type_hides_behind_a_vague_name()
    {
        var vague = Sources().SelectMany(f => VagueType().Matches(File.ReadAllText(f))
            .Select(m => $"{Path.GetFileName(f)}: {m.Groups[1].Value}"));
        Assert.Empty(vague);
    }

    [Fact]
    public void No_braces_stand_around_a_single_line() =>
        None(Sources().SelectMany(f => BracedLine().Matches(File.ReadAllText(f))
            .Select(m => $"{Path.GetRelativePath(Root, f)}: {m.Groups["line"].Value}")));

    [Fact]
    public void No_task_is_left_for_later_in_a_comment() =>
        Assert.Empty(Sources().Where(f => LeftForLater().IsMatch(File.ReadAllText(f))).Select(Path.GetFileName));

    internal static IEnumerable<string> Sources() => Sources("src");

    private static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal));

    /// <summary>Fails if there are any faults, with one line for each.</summary>
    internal static void None(IEnumerable<string> faults)
    {
        var all = faults.ToList();
        Assert.True(all.Count == 0, string.Join('\n', all));
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "TrueLive.slnx")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("Not inside the repository.");
        return folder;
    }

    [GeneratedRegex(
        @"\b(?:class|struct|record|interface)\s+(\w*(?:Manager|Helper|Helpers|Util|Utils|Utility|Processor|Wrapper|Common|Service))\b")]
    private static partial Regex VagueType();

    // A branch with an else may need the braces, and a declaration does.
    [GeneratedRegex(
        @"^(?<indent> *)(?:if|foreach|for|while|using|lock|fixed) \(.*\)\n\k<indent>\{\n"
        + @"\k<indent>    (?!//|var |using |[\w<>\[\]?.]+ \w+ = )(?<line>[^{}/\n].*;)\n\k<indent>\}\n(?!\k<indent>else)",
        RegexOptions.Multiline)]
    private static partial Regex BracedLine();

    [GeneratedRegex("(\"{3,})[\\s\\S]*?\\1")]
    private static partial Regex RawText();

    [GeneratedRegex("\"(?:\\\\.|[^\"\\\\\\n])*\"")]
    private static partial Regex Text();

    [GeneratedRegex(@"//.*\b(TODO|FIXME|HACK|XXX)\b")]
    private static partial Regex LeftForLater();
}
