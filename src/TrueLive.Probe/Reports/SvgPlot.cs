using System.Globalization;
using System.Text;

namespace TrueLive.Probe.Reports;

/// <summary>
/// A small chart as inline SVG: axes with round ticks, dots, lines, bars, an image. Colours come from the page (dark, light, print); no
/// script.
/// </summary>
internal sealed class SvgPlot
{
    public const string Blue = "var(--blue)";
    public const string Orange = "var(--orange)";
    public const string Grey = "var(--grey)";
    public const string Green = "var(--green)";
    private const double Left = 58;
    private const double Bottom = 42;
    private const double Top = 14;
    private const double Right = 14;
    private readonly StringBuilder _body = new();
    private readonly double _width;
    private readonly double _height;
    private readonly (double Low, double High) _x;
    private readonly (double Low, double High) _y;

    public SvgPlot(string title, string xLabel, string yLabel, (double Low, double High) x, (double Low, double High) y, double width = 860,
        double height = 300)
    {
        (_width, _height) = (width, height);
        _x = x.High > x.Low ? x : (x.Low - 0.5, x.Low + 0.5);
        _y = y.High > y.Low ? y : (y.Low - 0.5, y.Low + 0.5);
        _body.Append(CultureInfo.InvariantCulture,
            $"<svg class=\"plot\" viewBox=\"0 0 {width:0} {height:0}\" role=\"img\" " +
            $"aria-label=\"{Html(title)}\"><title>{Html(title)}</title>");
        foreach (var tick in Ticks(_y))
        {
            Line($"<line class=\"grid\" x1=\"{N(Left)}\" x2=\"{N(width - Right)}\" y1=\"{N(Y(tick))}\" y2=\"{N(Y(tick))}\"/>");
            Line($"<text x=\"{N(Left - 6)}\" y=\"{N(Y(tick) + 4)}\" text-anchor=\"end\">{Label(tick)}</text>");
        }
        foreach (var tick in Ticks(_x))
            Line($"<text x=\"{N(X(tick))}\" y=\"{N(height - Bottom + 16)}\" text-anchor=\"middle\">{Label(tick)}</text>");
        Line($"<text x=\"{N((Left + width - Right) / 2)}\" y=\"{N(height - 8)}\" text-anchor=\"middle\">{Html(xLabel)}</text>");
        Line($"<text transform=\"translate(14 {N((height - Bottom + Top) / 2)}) rotate(-90)\" text-anchor=\"middle\">{Html(yLabel)}</text>");
        Line($"<rect class=\"frame\" x=\"{N(Left)}\" y=\"{N(Top)}\" width=\"{N(width - Left - Right)}\" height=\"{N(height - Top - Bottom)}\"/>");
    }

    /// <summary>Dots; at most about 2500 are drawn, evenly chosen.</summary>
    public SvgPlot Dots(IReadOnlyList<(double X, double Y)> points, string colour, double radius = 1.6)
    {
        var stride = Math.Max(1, (points.Count + 2499) / 2500);
        _body.Append(CultureInfo.InvariantCulture,
            $"<path stroke=\"{colour}\" stroke-width=\"{2 * radius:0.0}\" stroke-linecap=\"round\" fill=\"none\" d=\"");
        for (var k = 0; k < points.Count; k += stride)
        {
            if (Inside(points[k]))
                _body.Append(CultureInfo.InvariantCulture, $"M{N(X(points[k].X))} {N(Y(points[k].Y))}h0");
        }
        _body.Append("\"/>");
        return this;
    }

    public SvgPlot Curve(IReadOnlyList<(double X, double Y)> points, string colour)
    {
        var stride = Math.Max(1, (points.Count + 2499) / 2500);
        var text = new StringBuilder();
        for (var k = 0; k < points.Count; k += stride)
            text.Append(CultureInfo.InvariantCulture, $"{N(X(points[k].X))},{N(Y(Math.Clamp(points[k].Y, _y.Low, _y.High)))} ");
        Line($"<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1\" points=\"{text}\"/>");
        return this;
    }

    public SvgPlot Level(double y, string colour, string label)
    {
        if (double.IsNaN(y) || y < _y.Low || y > _y.High)
            return this;
        Line($"<line x1=\"{N(Left)}\" x2=\"{N(_width - Right)}\" y1=\"{N(Y(y))}\" y2=\"{N(Y(y))}\" stroke=\"{colour}\" stroke-dasharray=\"6 4\"/>");
        Line($"<text x=\"{N(_width - Right - 4)}\" y=\"{N(Y(y) - 4)}\" text-anchor=\"end\" fill=\"{colour}\">{Html(label)}</text>");
        return this;
    }

    public SvgPlot Mark(double x, string colour, string label)
    {
        if (double.IsNaN(x) || x < _x.Low || x > _x.High)
            return this;
        Line($"<line x1=\"{N(X(x))}\" x2=\"{N(X(x))}\" y1=\"{N(Top)}\" y2=\"{N(_height - Bottom)}\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        var end = X(x) > _width * 0.8;
        Line($"<text x=\"{N(X(x) + (end ? -5 : 5))}\" y=\"{N(Top + 14)}\" text-anchor=\"{(end ? "end" : "start")}\" fill=\"{colour}\">{Html(label)}</text>");
        return this;
    }

    public SvgPlot Bars(IReadOnlyList<(double From, double To, double Height)> bars, string colour)
    {
        foreach (var (from, to, high) in bars)
        {
            var top = Y(Math.Min(high, _y.High));
            Line($"<rect x=\"{N(X(from))}\" width=\"{N(Math.Max(0.5, X(to) - X(from) - 0.5))}\" y=\"{N(top)}\" height=\"{N(Math.Max(0, Y(_y.Low) - top))}\" fill=\"{colour}\"/>");
        }
        return this;
    }

    /// <summary>A picture stretched over the whole frame.</summary>
    public SvgPlot Image(string dataUri)
    {
        Line($"<image preserveAspectRatio=\"none\" x=\"{N(Left)}\" y=\"{N(Top)}\" width=\"{N(_width - Left - Right)}\" height=\"{N(_height - Top - Bottom)}\" href=\"{dataUri}\"/>");
        return this;
    }

    /// <summary>A whisker across a row: interval and point.</summary>
    public SvgPlot Whisker(double row, double low, double value, double high, string colour)
    {
        var y = Y(row);
        Line($"<line x1=\"{N(X(Math.Max(low, _x.Low)))}\" x2=\"{N(X(Math.Min(high, _x.High)))}\" y1=\"{N(y)}\" y2=\"{N(y)}\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        Line($"<circle cx=\"{N(X(value))}\" cy=\"{N(y)}\" r=\"4\" fill=\"{colour}\"/>");
        return this;
    }

    public string End() => _body.Append("</svg>").ToString();

    public static string Html(string text) => System.Net.WebUtility.HtmlEncode(text);

    private bool Inside((double X, double Y) p) => p.X >= _x.Low && p.X <= _x.High && p.Y >= _y.Low && p.Y <= _y.High;

    private void Line(string svg) => _body.Append(svg).Append('\n');

    private double X(double x) => Left + (x - _x.Low) / (_x.High - _x.Low) * (_width - Left - Right);

    private double Y(double y) => _height - Bottom - (y - _y.Low) / (_y.High - _y.Low) * (_height - Top - Bottom);

    private static string N(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    private static string Label(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    private static IEnumerable<double> Ticks((double Low, double High) range)
    {
        var raw = (range.High - range.Low) / 6;
        var power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var step = raw / power is var r && r < 1.5 ? power : r < 3.5 ? 2 * power : r < 7.5 ? 5 * power : 10 * power;
        for (var tick = Math.Ceiling(range.Low / step) * step; tick <= range.High + 1e-9 * step; tick += step)
            yield return Math.Abs(tick) < 1e-9 * step ? 0 : tick;
    }
}
