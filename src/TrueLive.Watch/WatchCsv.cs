using System.Globalization;

namespace TrueLive.Watch;

/// <summary>Runs as CSV (RFC 4180), for people with their own tools.</summary>
public static class WatchCsv
{
    /// <summary>Writes a header and one line per run.</summary>
    public static async Task WriteAsync(TextWriter to, IEnumerable<WatchRun> runs)
    {
        await to.WriteAsync(Line(["target", "place", "number", "utc", "seconds", "profile", "outcome", "tier", "nature",
            .. WatchMetric.All.Select(m => m.Column), "missed", "skipped", "clock_back_s", "broken_rules", "note", "sentence", "version"]))
            .ConfigureAwait(false);
        foreach (var run in runs)
        {
            await to.WriteAsync(Line([Cell(run.Series.Target), Cell(run.Series.Place), Number(run.Number),
                run.Utc.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture), Number(run.Seconds),
                Cell(run.Profile), run.Outcome.ToString(), Cell(run.Tier), Cell(run.Nature),
                .. WatchMetric.All.Select(m => Number(m.Of(run))), Number(run.Missed), Number(run.Skipped), Number(run.ClockBack),
                Cell(string.Join("; ", run.Rules.Where(r => r.Result == "FAIL").Select(r => r.Rule))), Cell(run.Note), Cell(run.Sentence),
                Cell(run.Version)])).ConfigureAwait(false);
        }
    }

    private static string Line(IReadOnlyList<string> cells) => string.Join(',', cells) + "\r\n";

    // A target's words must not become a formula of the spreadsheet that opens the file: an apostrophe makes them text.
    private static string Cell(string? words)
    {
        if (string.IsNullOrEmpty(words))
            return "";
        var text = words.TrimStart() is ['=' or '+' or '-' or '@', ..] || words[0] is '\t' or '\r' or '\n' ? "'" + words : words;
        return text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
    }

    private static string Number(double? value) => value?.ToString("R", CultureInfo.InvariantCulture) ?? "";
}
