using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Mvc;
using TrueLive.Server.Access;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Http;

/// <summary>
/// What keys have used: each key its own, and one with the scope operate that of all. On a server of its own and at the front door of a
/// fleet alike.
/// </summary>
internal static class UsageEndpoints
{
    public const string Path = "/v1/usage";

    private const int MaxDays = 400;

    public static void Map(IEndpointRouteBuilder app) => app.MapGet(Path, ReadAsync).WithTags("Usage")
        .WithSummary("Minutes, pictures and bytes by key, day and model").Produces<UsageView>().ProducesProblem(400).ProducesProblem(403)
        .ProducesProblem(503);

    private static async Task<IResult> ReadAsync(HttpContext http, [FromQuery] string? month, [FromQuery] string? from,
        [FromQuery] string? to, [FromQuery] string? of, [FromQuery] string? format, Gate gate, UsageKeeper keeper, Quotas quotas,
        TimeProvider time)
    {
        var owner = gate.OwnerOf(http.Request);
        if (owner.Length == 0)
            return Problems.Of(StatusCodes.Status401Unauthorized, "Usage is shown to whoever has a key. A link does not open it.");
        if (of is not (null or "all"))
            return Problems.Of(StatusCodes.Status400BadRequest, "of is 'all' or left out.");
        if (of is not null && !gate.Permits(http.Request, KeyScopes.Operate))
            return Problems.Of(StatusCodes.Status403Forbidden, "The usage of all keys needs the scope operate. Leave out 'of' for your own.");
        if (Days(month, from, to, time) is not var (first, last))
            return Problems.Of(StatusCodes.Status400BadRequest,
                $"Give month=2026-11, or from=2026-11-01 and to=2026-11-30, {MaxDays} days at most; without either it is this month (UTC).");
        try
        {
            var rows = await keeper.ReadAsync(first, last, http.RequestAborted).ConfigureAwait(false);
            var shown = Sum(rows.Where(r => of is not null || r.Owner == owner));
            return format == "csv" || http.Request.Headers.Accept.ToString().StartsWith("text/csv", StringComparison.OrdinalIgnoreCase)
                ? Results.Text(Csv(shown), "text/csv", Encoding.UTF8)
                : Results.Ok(new UsageView(first, last, shown, QuotaView.Of(quotas, owner)));
        }
        catch (IOException)
        {
            return Problems.Of(StatusCodes.Status503ServiceUnavailable,
                "The records of usage cannot be read now. Nothing is lost; try again later.");
        }
    }

    private static (DateOnly First, DateOnly Last)? Days(string? month, string? from, string? to, TimeProvider time)
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        var first = new DateOnly(today.Year, today.Month, 1);
        if (month is not null && !Parse(month + "-01", out first))
            return null;
        var last = first.AddMonths(1).AddDays(-1);
        if ((from is not null && !Parse(from, out first)) || (to is not null && !Parse(to, out last)))
            return null;
        return last >= first && last.DayNumber - first.DayNumber < MaxDays ? (first, last) : null;

        static bool Parse(string text, out DateOnly day) =>
            DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out day)
            && day.Year is > 1 and < 9999;
    }

    private static List<UsageDayView> Sum(IEnumerable<UsageRow> rows) =>
    [
        .. rows.GroupBy(r => (r.Day, r.Owner, r.Kind, r.Model)).Select(g => new UsageDayView(
            g.Key.Day, g.Select(r => r.Key).FirstOrDefault(k => k.Length > 0) ?? "", g.Key.Owner, g.Key.Kind, g.Key.Model,
            g.Sum(r => r.Sessions), Math.Round(g.Sum(r => r.Seconds), 1), g.Sum(r => r.Frames), g.Sum(r => r.Bytes)))
        .OrderBy(v => v.Day).ThenBy(v => v.Key, StringComparer.Ordinal).ThenBy(v => v.Owner, StringComparer.Ordinal)
        .ThenBy(v => v.Kind, StringComparer.Ordinal).ThenBy(v => v.Model, StringComparer.Ordinal),
    ];

    private static string Csv(IEnumerable<UsageDayView> rows)
    {
        var text = new StringBuilder("day,key,owner,kind,model,sessions,seconds,frames,bytes\r\n");
        foreach (var r in rows)
            text.Append(CultureInfo.InvariantCulture,
                $"{r.Day:yyyy-MM-dd},{Cell(r.Key)},{Cell(r.Owner)},{r.Kind},{Cell(r.Model)},{r.Sessions},{r.Seconds},{r.Frames},{r.Bytes}\r\n");
        return text.ToString();
    }

    // RFC 4180; a spreadsheet takes a cell that begins with one of these for a formula.
    private static string Cell(string text)
    {
        var safe = text.Length > 0 && "=+-@".Contains(text[0], StringComparison.Ordinal) ? "'" + text : text;
        return safe.AsSpan().ContainsAny(",\"\r\n") ? $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : safe;
    }
}

/// <summary>What was used from one day to another, both included, in UTC; <c>quota</c> is that of the key that asks.</summary>
internal sealed record UsageView(DateOnly From, DateOnly To, IReadOnlyList<UsageDayView> Rows, QuotaView? Quota);

/// <summary>
/// How much the key may use: live sessions at a time, and minutes a month with those that are used this month. What has no limit is left
/// out.
/// </summary>
internal sealed record QuotaView(int? Sessions, double? MinutesAMonth, double? MinutesUsed)
{
    /// <summary>Null where nothing is limited.</summary>
    public static QuotaView? Of(Quotas quotas, string owner) => quotas.Of(owner) is { Sessions: > 0 } or { MinutesAMonth: > 0 }
        && quotas.Of(owner) is var q
        ? new QuotaView(q.Sessions > 0 ? q.Sessions : null, q.MinutesAMonth > 0 ? q.MinutesAMonth : null,
            q.MinutesAMonth > 0 ? Math.Round(quotas.MinutesOf(owner), 1) : null) : null;
}

/// <summary>
/// What one key used of one model on one day. <c>key</c> is its name then, and empty where that is not known; <c>owner</c> stays the same
/// for a key and is another one for a new key of the same name. For <c>live</c>: sessions that made a picture, seconds in which they were
/// live, pictures made, bytes of coded pictures sent. For <c>clip</c>: clips that were finished, their length, pictures and size.
/// </summary>
internal sealed record UsageDayView(
    DateOnly Day, string Key, string Owner, string Kind, string Model, long Sessions, double Seconds, long Frames, long Bytes);
