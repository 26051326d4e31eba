using System.Text.RegularExpressions;

namespace TrueLive.Core.Tests.House;

/// <summary>
/// Checks what the documents say about the repository: link targets exist, and so do the files, types and settings that they name.
/// </summary>
public sealed partial class DocumentTests
{
    private static readonly string Root = FindRoot();

    // Records of the past may name what no longer exists.
    private static readonly string[] History = ["CHANGELOG.md", "docs/decisions/", "docs/glossary.md", "bench/results/"];

    // Words that look like a name from the source and are not.
    private static readonly string[] Foreign = ["snake_case"];

    private static readonly Lazy<string> Source = new(() =>
        string.Join('\n', new[] { "src", "tests", "bench", "training", "samples", "eng", "models" }
        .SelectMany(f => Directory.EnumerateFiles(Path.Combine(Root, f), "*.*", SearchOption.AllDirectories))
        .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/node_modules/", StringComparison.Ordinal)
            && Path.GetExtension(f) is ".cs" or ".js" or ".mjs" or ".py" or ".html" or ".json" or ".yaml" or ".sh" or ".csproj")
        .Select(File.ReadAllText)));

    private static readonly Lazy<HashSet<string>> Words = new(() => AnyWord().Matches(Source.Value).Select(m => m.Value)
        .ToHashSet(StringComparer.Ordinal));

    [Fact]
    public void Every_link_leads_somewhere()
    {
        var links = Documents(all: true).SelectMany(d => Link().Matches(d.Text).Select(m => (d.Name, Target: m.Groups["target"].Value)))
            .ToList();
        Assert.NotEmpty(links);
        None(links.Where(l => !Leads(l.Name, l.Target)).Select(l => $"{l.Name}: {l.Target}"));
    }

    [Fact]
    public void Every_file_type_and_setting_that_a_document_names_exists()
    {
        var named = Documents(all: false).SelectMany(d => Quoted().Matches(d.Text).Select(m => (d.Name, Words: m.Groups["words"].Value)))
            .Distinct().ToList();
        Assert.NotEmpty(named);
        None(named.Where(n => IsPath(n.Words) && !Exists(n.Words)).Select(n => $"{n.Name}: there is no file {n.Words}")
            .Concat(named.Where(n => IsName(n.Words) && !Foreign.Contains(n.Words) && !IsWritten(n.Words))
                .Select(n => $"{n.Name}: nothing is called {n.Words}")));
    }

    [Fact]
    public void Lines_of_prose_are_at_most_140_characters_long() =>
        None(Documents(all: true).Where(d => !Generated().IsMatch(d.Name)).SelectMany(d => Block().Replace(d.Text, string.Empty).Split('\n')
            .Where(l => l.Length > 140 && !l.StartsWith('|') && !l.StartsWith("    ", StringComparison.Ordinal))
            .Select(l => $"{d.Name}: {l}")));

    // Then it compiles, and the test of its sample runs it. Indentation is ignored.
    [Fact]
    public void Sample_code_in_documents_stands_in_a_sample_that_is_built()
    {
        var samples = Directory.EnumerateFiles(Path.Combine(Root, "samples"), "*.cs", SearchOption.AllDirectories)
            .Select(f => Unindented(File.ReadAllText(f))).ToList();
        var shown = Documents(all: false).SelectMany(d => CSharp().Matches(d.Text)
            .Select(m => (d.Name, Code: Unindented(m.Groups["code"].Value)))).ToList();
        Assert.NotEmpty(shown);
        None(shown.Where(s => !samples.Exists(f => f.Contains(s.Code, StringComparison.Ordinal)))
            .Select(s => $"{s.Name} shows what is in no sample:\n{s.Code}"));
    }

    private static string Unindented(string code) => string.Join('\n', code.Split('\n').Select(l => l.TrimStart()));

    private static void None(IEnumerable<string> faults)
    {
        var all = faults.ToList();
        Assert.True(all.Count == 0, string.Join('\n', all));
    }

    private static bool Leads(string document, string target)
    {
        if (target.Contains("://", StringComparison.Ordinal) || target.StartsWith("mailto:", StringComparison.Ordinal))
            return true;
        var (path, anchor) = target.Split('#') is [var p, var a] ? (p, a) : (target, null);
        var file = Path.GetFullPath(Path.Combine(Root, Path.GetDirectoryName(document)!,
            path.Length == 0 ? Path.GetFileName(document) : path.TrimStart('/')));
        if (path.StartsWith('/'))
            file = Path.Combine(Root, path[1..]);
        return Directory.Exists(file) || (File.Exists(file)
            && (anchor is null || File.ReadLines(file).Any(l => l.StartsWith('#') && Anchor(l) == anchor)));
    }

    // As GitHub makes them: lower case, without punctuation, spaces replaced by hyphens.
    private static string Anchor(string heading) =>
        Punctuation().Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), string.Empty).Replace(' ', '-');

    // Results are written by commands and need not exist; links to them are checked all the same.
    private static bool IsPath(string words) =>
        !words.StartsWith("bench/results/", StringComparison.Ordinal) && RepositoryPath().IsMatch(words) && !Placeholder().IsMatch(words);

    private static bool IsName(string words) => TypeName().IsMatch(words) || SettingName().IsMatch(words);

    private static bool Exists(string words)
    {
        var path = Path.Combine(Root, words.Split(' ')[0].TrimStart('/'));
        return File.Exists(path) || Directory.Exists(path);
    }

    // A setting or a field may be a property in the source, and names in /metrics have dots there.
    private static bool IsWritten(string name) => Words.Value.Contains(name) || Words.Value.Contains(Pascal(name))
        || (name.StartsWith("truelive_", StringComparison.Ordinal)
            && Source.Value.Contains(name.Replace('_', '.'), StringComparison.Ordinal));

    private static string Pascal(string name) => string.Concat(name.Split('_').Select(w => char.ToUpperInvariant(w[0]) + w[1..]));

    private static IEnumerable<(string Name, string Text)> Documents(bool all)
    {
        string[] folders = ["docs", "models", "training", "samples", "bench"];
        return Directory.EnumerateFiles(Root, "*.md")
            .Concat(folders.SelectMany(f => Directory.EnumerateFiles(Path.Combine(Root, f), "*.md", SearchOption.AllDirectories)))
            .Select(f => (Name: Path.GetRelativePath(Root, f).Replace('\\', '/'), File: f))
            .Where(f => all || !History.Any(h => f.Name.StartsWith(h, StringComparison.Ordinal)))
            .Select(f => (f.Name, File.ReadAllText(f.File)));
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "TrueLive.slnx")))
            folder = folder.Parent!;
        return folder.FullName;
    }

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"`(?<words>[^`\n]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^/?(src|tests|bench|deploy|docs|eng|samples|models|training)/[\w./-]+( .*)?$")]
    private static partial Regex RepositoryPath();

    // Two capitals with a lower-case letter between them: a type, a method or a property.
    [GeneratedRegex(@"^[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+$")]
    private static partial Regex TypeName();

    [GeneratedRegex(@"^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$")]
    private static partial Regex SettingName();

    // Written by the benchmarks.
    [GeneratedRegex(@"^bench/results/(?!README)")]
    private static partial Regex Generated();

    [GeneratedRegex(@"/[A-Z]+\b")]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"\w+")]
    private static partial Regex AnyWord();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex Punctuation();

    [GeneratedRegex(@"^```(?:csharp|cs|c#)\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CSharp();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}
