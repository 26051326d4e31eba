using System.CommandLine;
using System.Text.RegularExpressions;

namespace TrueLive.Cli.Tests;

/// <summary>Every command, flag and package that a document or a message names exists.</summary>
public sealed partial class DocumentedCommandTests
{
    // The changelog describes past releases, whose commands may be gone.
    private static readonly string[] History = ["CHANGELOG.md"];

    // Flags of ffmpeg and of the test runner.
    private static readonly string[] Others = ["--version", "--filter-class", "--filter-method", "--filter-trait"];

    private readonly RootCommand _root = CommandLine.Make();

    [Fact]
    public void Documents_name_only_commands_and_flags_that_there_are()
    {
        var named = Documents().SelectMany(d => Commands(d.Text).Select(c => (d.Name, Command: c))).ToList();
        Assert.True(named.Count > 40, $"Only {named.Count} commands were found: the way they are looked for is wrong.");
        Assert.Empty(named.Select(n => (n.Name, n.Command, Unknown: Unknown(n.Command)))
            .Where(n => n.Unknown.Count > 0)
            .Select(n => $"{n.Name}: '{n.Command}': {string.Join(' ', n.Unknown)}"));

        var flags = Flags(_root).Concat(Others).ToHashSet(StringComparer.Ordinal);
        var alone = Documents().SelectMany(d => LoneFlag().Matches(d.Text).Select(m => (d.Name, Flag: m.Groups["flag"].Value))).ToList();
        Assert.NotEmpty(alone);
        Assert.Empty(alone.Where(f => !flags.Contains(f.Flag)).Select(f => $"{f.Name}: {f.Flag}"));
    }

    [Fact]
    public void Messages_advise_only_commands_flags_and_packages_that_there_are()
    {
        var messages = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(f => Literal().Matches(File.ReadAllText(f))
                .Select(m => (Name: Path.GetFileName(f), Text: Hole().Replace(m.Groups["text"].Value, "x"))))
            .Where(m => Sentence().IsMatch(m.Text)).ToList();
        var commands = messages.SelectMany(m => Quoted().Matches(m.Text).Select(c => (m.Name, Command: c.Groups["command"].Value)))
            .ToList();
        Assert.True(commands.Count > 5, $"Only {commands.Count} commands were found: the way they are looked for is wrong.");
        Assert.Empty(commands.Where(c => Unknown(c.Command).Count > 0).Select(c => $"{c.Name}: {c.Command}"));

        var flags = Flags(_root).Concat(Others).ToHashSet(StringComparer.Ordinal);
        Assert.Empty(messages.SelectMany(m => AnyFlag().Matches(m.Text).Select(f => (m.Name, Flag: f.Value)))
            .Where(f => !flags.Contains(f.Flag)).Select(f => $"{f.Name}: {f.Flag}"));

        var packages = File.ReadAllText(Path.Combine(Repository.Root, "eng", "setup.sh"));
        var advised = messages.SelectMany(m => Package().Matches(m.Text).Select(p => p.Groups["name"].Value)).Where(p => p != "x")
            .Distinct().ToList();
        Assert.Contains("libheif-examples", advised);
        Assert.All(advised, p => Assert.Contains(p, packages, StringComparison.Ordinal));
    }

    private IReadOnlyList<string> Unknown(string command)
    {
        var words = Word().Matches(Before().Replace(command, string.Empty)).Select(m => m.Value.Trim('"', '\'')).Skip(1).ToArray();
        return _root.Parse(CommandLine.Complete(words)).UnmatchedTokens;
    }

    private static IEnumerable<string> Flags(Command command) =>
        command.Options.SelectMany(o => o.Aliases.Append(o.Name)).Concat(command.Subcommands.SelectMany(Flags));

    // In a shell block each line up to its comment, in a sentence the text in backquotes.
    private static IEnumerable<string> Commands(string text) =>
        Block().Matches(text).SelectMany(b => b.Value.Split('\n')).Where(l => Begins().IsMatch(l))
            .Select(l => Remark().Replace(l, string.Empty))
            .Concat(Inline().Matches(Block().Replace(text, string.Empty)).Select(m => m.Groups["command"].Value))
            .Select(c => c.Trim());

    private static IEnumerable<(string Name, string Text)> Documents()
    {
        // Training has programs, and flags, of its own.
        string[] folders = ["docs", "models", "samples", "bench"];
        return Directory.EnumerateFiles(Repository.Root, "*.md")
            .Concat(folders.SelectMany(f =>
                Directory.EnumerateFiles(Path.Combine(Repository.Root, f), "*.md", SearchOption.AllDirectories)))
            .Select(f => (Path.GetRelativePath(Repository.Root, f), f))
            .Where(f => !History.Contains(f.Item1))
            .Select(f => (f.Item1, File.ReadAllText(f.f)));
    }

    // An interpolated value.
    [GeneratedRegex(@"\{[^{}]*\}")]
    private static partial Regex Hole();

    [GeneratedRegex(@"(?<!\\)""(?<text>(?:[^""\\\n]|\\.)+)""")]
    private static partial Regex Literal();

    // At least two words that are not arguments; a list of arguments is for another program.
    [GeneratedRegex(@"[A-Za-z']{2,} [a-z']{2,}")]
    private static partial Regex Sentence();

    [GeneratedRegex(@"['`](?<command>truelive [^'`]+)['`]")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"(?<![\w-])--[a-z][a-z-]+")]
    private static partial Regex AnyFlag();

    [GeneratedRegex(@"apt-get install (?<name>[a-z0-9.+-]*[a-z0-9+])")]
    private static partial Regex Package();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^(runuser -u truelive -- |[A-Z_]+=\S+ )*(\./)?truelive( |$)")]
    private static partial Regex Begins();

    // Variables, and the command that makes another user of the one who types it.
    [GeneratedRegex(@"^(runuser -u truelive -- |[A-Z_]+=\S+ )+")]
    private static partial Regex Before();

    [GeneratedRegex(@"( #|\s{3,}).*$")]
    private static partial Regex Remark();

    [GeneratedRegex(@"`(?<command>(runuser -u truelive -- |[A-Z_]+=\S+ )*(\./)?truelive( [^`]*)?)`")]
    private static partial Regex Inline();

    [GeneratedRegex(@"""[^""]*""|'[^']*'|\S+")]
    private static partial Regex Word();

    [GeneratedRegex(@"`(?<flag>--[a-z-]+)[^`]*`")]
    private static partial Regex LoneFlag();
}
