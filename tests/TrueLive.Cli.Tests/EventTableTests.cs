using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;

namespace TrueLive.Cli.Tests;

/// <summary>The events of all assemblies of the product.</summary>
public sealed partial class EventTableTests
{
    [Fact]
    public void The_table_of_events_is_what_the_code_can_log()
    {
        var code = Directory.GetFiles(AppContext.BaseDirectory, "TrueLive.*.dll")
            .Where(f => !f.EndsWith(".Tests.dll", StringComparison.Ordinal))
            .SelectMany(f => Assembly.LoadFrom(f).GetTypes())
            .SelectMany(t => t.GetMethods(BindingFlags.DeclaredOnly | BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public
            | BindingFlags.NonPublic))
            .Select(m => m.GetCustomAttribute<LoggerMessageAttribute>()).OfType<LoggerMessageAttribute>().ToArray();
        Assert.All(code, e => Assert.True(e.EventId > 0 && e.EventName is { } name && Name().IsMatch(name),
            $"'{e.Message}' needs an EventId of its own and an EventName such as clip_done, and a row in docs/operations.md."));
        Assert.Equal(code.Length, code.Select(e => e.EventId).Distinct().Count());
        Assert.Equal(code.Length, code.Select(e => e.EventName).Distinct().Count());
        var rows = Row().Matches(File.ReadAllText(Path.Combine(Root(), "docs", "operations.md")))
            .Select(m => (m.Groups[1].Value, m.Groups[2].Value, m.Groups[3].Value)).ToArray();
        Assert.Equal(code.OrderBy(e => e.EventId).Select(e => ($"{e.EventId}", e.EventName!, Word(e.Level))), rows);
    }

    private static string Word(LogLevel level) => level == LogLevel.Information ? "info" : level.ToString().ToLowerInvariant();

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "TrueLive.slnx")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }

    [GeneratedRegex("^[a-z]+(_[a-z]+)+$")]
    private static partial Regex Name();

    [GeneratedRegex(@"^\| (\d+) \| `([a-z_]+)` \| ([a-z]+) \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
