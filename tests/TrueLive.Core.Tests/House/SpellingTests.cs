using System.Diagnostics;
using System.Text.RegularExpressions;

namespace TrueLive.Core.Tests.House;

/// <summary>Words in documents, comments and the page are spelt as in aspell's British dictionary or <c>eng/words.txt</c>.</summary>
public sealed partial class SpellingTests
{
    private static readonly string Root = FindRoot();

    [Fact]
    public async Task Words_are_spelt_as_a_dictionary_has_them()
    {
        var places = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var file in Texts())
        {
            foreach (Match word in Word().Matches(Prose(file)))
                places.TryAdd(word.Value, Path.GetRelativePath(Root, file));
        }
        var own = File.ReadLines(Path.Combine(Root, "eng", "words.txt")).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var unknown = await UnknownAsync(places.Keys.Where(w => !own.Contains(w)));
        Assert.True(places.Count > 1000, "Hardly any words were found: the way they are looked for is wrong.");
        Assert.True(unknown.Count == 0, "Mend these, or put them into eng/words.txt:\n"
            + string.Join('\n', unknown.Select(w => $"{w} ({places[w]})")));
    }

    private static async Task<List<string>> UnknownAsync(IEnumerable<string> words)
    {
        var start = new ProcessStartInfo("aspell", ["list", "--lang=en_GB", "--encoding=utf-8"])
        { RedirectStandardInput = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.StandardInput.WriteAsync(string.Join('\n', words));
        process.StandardInput.Close();
        var unknown = (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries).ToList();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, "aspell cannot check: apt-get install aspell aspell-en");
        return unknown;
    }

    private static IEnumerable<string> Texts()
    {
        string[] folders = ["src", "tests", "bench", "docs", "models", "training", "samples"];
        return Directory.EnumerateFiles(Root, "*.md")
            .Concat(folders.SelectMany(f => Directory.EnumerateFiles(Path.Combine(Root, f), "*.*", SearchOption.AllDirectories)))
            .Where(f => Path.GetExtension(f) is ".md" or ".cs" or ".js" or ".html" && !Generated().IsMatch(f));
    }

    // Names from code are not checked: text in backquotes, in tags and outside comments is left out.
    private static string Prose(string file)
    {
        var text = File.ReadAllText(file);
        return Path.GetExtension(file) switch
        {
            ".md" => Links().Replace(Code().Replace(Block().Replace(text, " "), " "), " "),
            ".html" => Tag().Replace(Script().Replace(text, " "), " "),
            _ => Code().Replace(Tag().Replace(string.Join('\n', Comment().Matches(text).Select(m => m.Groups["words"].Value)), " "), " "),
        };
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "TrueLive.slnx")))
            folder = folder.Parent!;
        return folder.FullName;
    }

    // At most the first letter is a capital, and the word is not part of a name, a path or a call.
    [GeneratedRegex(@"(?<![\w./_@-])[A-Za-z][a-z]{2,}(?![\w(/_@]|\.\w|-\d)")]
    private static partial Regex Word();

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex("`[^`\n]*`")]
    private static partial Regex Code();

    [GeneratedRegex(@"\]\([^)]*\)|https?://\S+|<[^>\s]+>")]
    private static partial Regex Links();

    [GeneratedRegex("<[^>]*>")]
    private static partial Regex Tag();

    [GeneratedRegex("<(?<tag>script|style).*?</\\k<tag>>", RegexOptions.Singleline)]
    private static partial Regex Script();

    [GeneratedRegex(@"^\s*(///?|\*|/\*\*)(?<words> .*)$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex("/(obj|bin|node_modules|corpus|results)/")]
    private static partial Regex Generated();
}
