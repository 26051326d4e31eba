using System.Globalization;
using System.Text;

namespace TrueLive.Probe.Requirements;

/// <summary>
/// The answer as a picture: how late the result may be, on an axis from 0.05 s to a minute, and what people feel there. It takes the
/// colours of the page that it is in, or its own.
/// </summary>
internal static class RequirementPicture
{
    private const string Ink = "var(--ink,#222)";
    private const string Soft = "var(--dim,#666)";
    private const string Line = "var(--line,#bbb)";
    private const string Live = "var(--live,#1f7a4d)";
    private const double Left = 30;
    private const double Right = 770;
    private const double LeastMs = 50;
    private const double MostMs = 60_000;

    private static readonly (double Ms, string Time, string Feels)[] Marks =
    [
        (100, "0.1 s", "immediate"), (200, "0.2 s", "mirror"), (400, "0.4 s", "talk"), (1000, "1 s", "flow"), (10_000, "10 s", "patience ends"),
    ];

    public static string Draw(int tier, double? delayMs)
    {
        var words = tier == 3
            ? delayMs is { } ms ? $"Tier 3, live: at most {RequirementAdvice.Words(ms)} late" : "Tier 3, live"
            : tier == 2 ? "Tier 2, interactive: made again at once" : "Tier 1, clips: whenever it is ready";
        var end = tier == 3 ? X(delayMs ?? 10_000) : tier == 2 ? X(10_000) : Right;
        var svg = new StringBuilder().Append(CultureInfo.InvariantCulture,
            $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 170" role="img" aria-label="{words}" font-family="system-ui,sans-serif">
            <title>{words}</title>
            <text x="{Left}" y="28" font-size="20" font-weight="600" fill="{Ink}" stroke="none">{words}</text>
            <text x="{Left}" y="56" font-size="14" fill="{Soft}" stroke="none">the camera sees it</text>
            <rect x="{Left}" y="66" width="{end - Left:0.#}" height="22" rx="4" fill="{Live}" fill-opacity="0.85" stroke="none"/>
            <line x1="{Left}" x2="{Right}" y1="100" y2="100" stroke="{Line}" stroke-width="2"/>
            """);
        if (tier == 3)
            svg.Append(CultureInfo.InvariantCulture,
                $"<text x=\"{Math.Min(end + 10, 640):0.#}\" y=\"82\" font-size=\"14\" fill=\"{Ink}\" stroke=\"none\">the viewer sees it</text>")
                .Append(CultureInfo.InvariantCulture, $"<path d=\"M{end:0.#} 60V94\" stroke=\"{Ink}\" stroke-width=\"3\" fill=\"none\"/>");
        foreach (var (at, time, feels) in Marks)
        {
            svg.Append(CultureInfo.InvariantCulture,
                $"""
                <path d="M{X(at):0.#} 94V106" stroke="{Soft}" stroke-width="2" fill="none"/>
                <text x="{X(at):0.#}" y="126" font-size="14" text-anchor="middle" fill="{Ink}" stroke="none">{time}</text>
                <text x="{X(at):0.#}" y="148" font-size="14" text-anchor="middle" fill="{Soft}" stroke="none">{feels}</text>
                """);
        }
        return svg.Append("</svg>").ToString();
    }

    // Each tenfold takes the same width, since 0.1 s and 0.2 s differ as much to people as 1 s and 2 s.
    private static double X(double ms) =>
        Left + Math.Log(Math.Clamp(ms, LeastMs, MostMs) / LeastMs) / Math.Log(MostMs / LeastMs) * (Right - Left);
}
