namespace TrueLive.Probe.Reports;

/// <summary>The look of all pages of the probe: one column, light or dark as the reader's system is, plain in print.</summary>
internal static class HtmlStyle
{
    /// <summary>Head of a page up to the body; <paramref name="meta"/> is HTML.</summary>
    public static string Head(string title, string meta = "") =>
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" " +
            $"content=\"width=device-width,initial-scale=1\">{meta}<title>{SvgPlot.Html(title)}</title><style>{Css}</style></head><body><main>";

    private const string Css = """
        :root{color-scheme:light dark;--paper:#fbfaf8;--card:#fff;--ink:#1c1c1e;--soft:#5d5d63;--line:#e3e1dc;--blue:#1f5fa8;--orange:#c75b12;--grey:#9a9a9a;--green:#2f7d4f;--red:#a02318;--amber:#8a5a00}
        @media (prefers-color-scheme:dark){:root{--paper:#131416;--card:#1c1e21;--ink:#ececee;--soft:#a2a3a9;--line:#33363b;--blue:#6fa8ec;--orange:#f0935a;--grey:#7d8087;--green:#6cc48f;--red:#f08a7e;--amber:#e2b04a}}
        @media print{:root{--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#ccc;--blue:#1f5fa8;--orange:#c75b12;--grey:#888;--green:#2f7d4f;--red:#a02318;--amber:#8a5a00}}
        *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
        main{max-width:960px;margin:0 auto;padding:32px 20px 64px}a{color:var(--blue)}
        .kicker{margin:0;color:var(--soft);font-size:.85rem;letter-spacing:.02em}.badge{display:inline-block;margin:14px 0 6px;padding:3px 14px;border-radius:99px;font-weight:700;font-size:1.05rem;border:2px solid currentColor}
        .yes{color:var(--green)}.mid{color:var(--amber)}.no{color:var(--red)}.open{color:var(--soft)}
        h1{font-size:1.65rem;line-height:1.28;margin:.2em 0 .5em;font-weight:650;text-wrap:pretty}h2{font-size:1.12rem;margin:0 0 .25em;font-weight:650}
        .meta{color:var(--soft);font-size:.9rem;margin:.3em 0}section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;margin:18px 0}
        section>p:first-of-type{margin-top:0;color:var(--soft);font-size:.92rem}
        .cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(172px,1fr));gap:12px;margin:20px 0}.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
        .card b{display:block;font-size:1.5rem;font-weight:650;font-variant-numeric:tabular-nums;line-height:1.25}.card span{display:block;font-size:.82rem;color:var(--soft)}.card .name{color:var(--ink);font-weight:600}
        .wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.86rem;font-variant-numeric:tabular-nums}th{color:var(--soft);font-weight:600}th,td{text-align:left;padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}tr:last-child td{border-bottom:0}
        .good{color:var(--green);font-weight:650}.bad{color:var(--red);font-weight:650}.flag{display:inline-block;border:1px solid var(--line);border-radius:99px;padding:1px 10px;margin:2px 4px 2px 0;font-size:.84rem;background:var(--card)}
        .plot{width:100%;height:auto;display:block}.plot text{font:12px system-ui,sans-serif;fill:var(--soft)}.plot .grid{stroke:var(--line)}.plot .frame{fill:none;stroke:var(--grey)}
        .pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:14px}.pairs figure{margin:0}.pairs img{width:calc(50% - 2px);display:inline-block;border-radius:4px;image-rendering:auto}.pairs img+img{margin-left:4px}figcaption{font-size:.8rem;color:var(--soft)}
        code{font-size:.88em;overflow-wrap:anywhere}details summary{cursor:pointer;font-weight:650}
        @page{size:A4;margin:14mm}
        @media print{main{padding:0;max-width:none}section,.card{break-inside:avoid;border-color:#ccc}body{font-size:11pt}details:not([open])>*{display:block}}
        """;
}
