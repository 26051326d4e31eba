using System.CommandLine;
using System.Text.RegularExpressions;

namespace TrueLive.Cli.Tests;

/// <summary>Every command and flag that a document names is one that the program takes.</summary>
public sealed partial class DocumentedCommandTests
{
    // What a release said stays as it was said.
    private static readonly string[] History = ["CHANGELOG.md"];

    private readonly RootCommand _root = CommandLine.Make();

    [Fact]
    public void Documents_name_only_commands_and_flags_that_there_are()
    {
        var named = Documents().SelectMany(d => Commands(d.Text).Select(c => (d.Name, Command: c))).ToList();
        Assert.True(named.Count > 40, $"Only {named.Count} commands were found: the way they are looked for is wrong.");
        Assert.Empty(named.Select(n => (n.Name, n.Command, Unknown: Unknown(n.Command)))
            .Where(n => n.Unknown.Count > 0)
            .Select(n => $"{n.Name}: '{n.Command}': {string.Join(' ', n.Unknown)}"));

        var flags = Flags(_root).ToHashSet(StringComparer.Ordinal);
        var alone = Documents().SelectMany(d => LoneFlag().Matches(d.Text).Select(m => (d.Name, Flag: m.Groups["flag"].Value))).ToList();
        Assert.NotEmpty(alone);
        Assert.Empty(alone.Where(f => !flags.Contains(f.Flag)).Select(f => $"{f.Name}: {f.Flag}"));
    }

    private IReadOnlyList<string> Unknown(string command)
    {
        var words = Word().Matches(command).Select(m => m.Value.Trim('"', '\'')).Skip(1).ToArray();
        return _root.Parse(CommandLine.Complete(words)).UnmatchedTokens;
    }

    private static IEnumerable<string> Flags(Command command) =>
        command.Options.SelectMany(o => o.Aliases.Append(o.Name)).Concat(command.Subcommands.SelectMany(Flags));

    // From a shell block the line up to its remark, from a sentence what stands in backquotes.
    private static IEnumerable<string> Commands(string text) =>
        Block().Matches(text).SelectMany(b => b.Value.Split('\n')).Where(l => Begins().IsMatch(l)).Select(l => Remark().Replace(l, string.Empty))
            .Concat(Inline().Matches(Block().Replace(text, string.Empty)).Select(m => m.Groups["command"].Value))
            .Select(c => c.Trim());

    private static IEnumerable<(string Name, string Text)> Documents()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "TrueLive.slnx")))
            root = root.Parent!;
        // Training has programs, and flags, of its own.
        string[] folders = ["docs", "models", "samples", "bench"];
        return Directory.EnumerateFiles(root.FullName, "*.md")
            .Concat(folders.SelectMany(f => Directory.EnumerateFiles(Path.Combine(root.FullName, f), "*.md", SearchOption.AllDirectories)))
            .Select(f => (Path.GetRelativePath(root.FullName, f), f))
            .Where(f => !History.Contains(f.Item1))
            .Select(f => (f.Item1, File.ReadAllText(f.f)));
    }

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^(\./)?truelive( |$)")]
    private static partial Regex Begins();

    [GeneratedRegex(@"( #|\s{3,}).*$")]
    private static partial Regex Remark();

    [GeneratedRegex(@"`(?<command>(\./)?truelive( [^`]*)?)`")]
    private static partial Regex Inline();

    [GeneratedRegex(@"""[^""]*""|'[^']*'|\S+")]
    private static partial Regex Word();

    [GeneratedRegex(@"`(?<flag>--[a-z-]+)[^`]*`")]
    private static partial Regex LoneFlag();
}
