using System.Globalization;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Reports;

/// <summary>The pictures of the report.</summary>
internal static class ReportPlots
{
    public static string Delay(ProbeFindings found)
    {
        var path = found.Fast.Path;
        if (path.Length == 0)
            return "<p>No output to draw.</p>";
        var byFrame = found.DelayMethod == "frame" && found.Map is not null;
        var frames = byFrame ? FrameDelays(found) : [];
        var lags = path.Where(w => w.Locked || !byFrame).Select(w => w.Lag).Concat(frames.Select(f => f.Y)).Order().ToArray();
        var top = lags.Length == 0 ? 1 : Math.Max(0.3, 1.25 * Intervals.Quantile(lags, 0.995));
        var plot = new SvgPlot("Delay over time", "output time, s", "delay, s", (path[0].Time - 3, path[^1].Time + 3),
            (Math.Min(0, lags.FirstOrDefault()), top), height: 340)
            .Dots(frames, SvgPlot.Blue)
            .Dots([.. path.Where(w => !w.Locked && !byFrame).Select(w => (w.Time, w.Lag))], SvgPlot.Grey, 2)
            .Dots([.. path.Where(w => w.Locked).Select(w => (w.Time, w.Lag))], SvgPlot.Orange, byFrame ? 1.2 : 2.4)
            .Level(found.D50.Value, SvgPlot.Green, string.Create(CultureInfo.InvariantCulture, $"D50 {1000 * found.D50.Value:0} ms"))
            .Level(found.D95.Value, SvgPlot.Orange, string.Create(CultureInfo.InvariantCulture, $"D95 {1000 * found.D95.Value:0} ms"));
        for (var f = 0; f < found.Fast.FamilyDelay.Length; f++)
        {
            if (!double.IsNaN(found.D50.Value) && Math.Abs(found.Fast.FamilyDelay[f] - found.D50.Value) > 0.1)
                plot.Level(found.Fast.FamilyDelay[f], SvgPlot.Grey, ((Family)f).ToString());
        }
        return plot.End();
    }

    public static string ContentMap(ProbeFindings found, Observation seen)
    {
        var map = found.Map!;
        var points = Enumerable.Range(0, map.Input.Count).Select(k => (seen.Times[map.FirstOutput + k], seen.Sent[map.Input[k]])).ToArray();
        // Twenty seconds show the steps; a whole run only ever looks like a diagonal.
        var part = points.Where(p => p.Item1 < points[0].Item1 + 20).ToArray();
        return new SvgPlot("Content map", "output time, s", "input time shown, s", (part[0].Item1, part[^1].Item1),
            (part.Min(p => p.Item2), part.Max(p => p.Item2)))
            .Dots(part, SvgPlot.Blue, 1.4).End();
    }

    public static string Heat(ProbeFindings found)
    {
        var (lags, heat) = (found.Fast.HeatLags, found.Fast.Heat);
        var windows = heat.Length / lags;
        var columns = Math.Min(windows, 400);
        var rgb = new byte[3 * columns * lags];
        var high = Math.Max(4, heat.Max());
        for (var column = 0; column < columns; column++)
        {
            for (var lag = 0; lag < lags; lag++)
            {
                var shade = Math.Clamp(heat[column * windows / columns * lags + lag] / high, 0, 1);
                var at = 3 * ((lags - 1 - lag) * columns + column);
                rgb[at] = (byte)(255 - 225 * shade);
                rgb[at + 1] = (byte)(255 - 180 * shade);
                rgb[at + 2] = (byte)(255 - 90 * shade);
            }
        }
        var (from, to) = found.Fast.Path.Length > 1 ? (found.Fast.Path[0].Time, found.Fast.Path[^1].Time) : (0, 1);
        return new SvgPlot("Joint score by lag", "output time, s", "lag, s", (from, to), (0, lags / 15.0))
            .Image(Png.DataUri(rgb, columns, lags)).End();
    }

    public static string Null(ProbeFindings found)
    {
        var redraws = found.Fast.Redraws;
        var (low, high) = (Math.Min(redraws.Min(), found.Fast.Statistic), Math.Max(redraws.Max(), found.Fast.Statistic));
        var margin = 0.05 * Math.Max(high - low, 0.1);
        var bars = Histogram(redraws, redraws.Min(), redraws.Max(), 24);
        return new SvgPlot("Statistic against its null", "mean score of the best lag path", "re-draws", (low - margin, high + margin),
            (0, 1.1 * bars.Max(b => b.Height)), height: 220)
            .Bars(bars, SvgPlot.Grey).Mark(found.Fast.Statistic, SvgPlot.Blue, "sent code").End();
    }

    public static string Prompts(EventFindings control)
    {
        var points = control.Events.Where(e => !double.IsNaN(e.Delay)).Select(e => (e.Sent, e.Delay)).ToArray();
        return points.Length == 0
            ? "<p>No prompt was answered.</p>"
            : new SvgPlot("Prompt response", "session time, s", "delay, s", (points[0].Sent - 2, points[^1].Sent + 2),
                (Math.Min(0, points.Min(p => p.Delay)), 1.2 * Math.Max(0.2, points.Max(p => p.Delay))), height: 240)
                .Dots(points, SvgPlot.Blue, 3).End();
    }

    public static string Hold(BoundaryFindings boundary)
    {
        var plot = new SvgPlot("Change under still input", "output time, s", "change, x median",
            (boundary.Signal[0].Time, boundary.Signal[^1].Time), (0, 1.1 * Math.Max(5, boundary.Signal.Max(s => s.Change))), height: 220)
            .Curve([.. boundary.Signal.Select(s => (s.Time, s.Change))], SvgPlot.Blue);
        foreach (var time in boundary.Found ? boundary.Times : [])
            plot.Mark(time, SvgPlot.Orange, "");
        return plot.End();
    }

    public static string Gaps(CadenceFindings cadence)
    {
        var top = Math.Max(0.1, Math.Min(1, cadence.Gaps.Max()));
        var bars = Histogram([.. cadence.Gaps.Select(g => Math.Min(g, top))], 0, top, 40)
            .Select(b => (1000 * b.From, 1000 * b.To, Math.Log10(1 + b.Height))).ToArray();
        return new SvgPlot("Gaps", "gap, ms", "log10(1 + frames)", (0, 1000 * top), (0, 1.1 * bars.Max(b => b.Item3)), height: 220)
            .Bars(bars, SvgPlot.Blue).End();
    }

    private static (double From, double To, double Height)[] Histogram(double[] values, double low, double high, int count)
    {
        var width = Math.Max((high - low) / count, 1e-9);
        var bars = Enumerable.Range(0, count).Select(k => (From: low + k * width, To: low + (k + 1) * width, Height: 0.0)).ToArray();
        foreach (var value in values)
            bars[Math.Clamp((int)((value - low) / width), 0, count - 1)].Height++;
        return bars;
    }

    private static (double X, double Y)[] FrameDelays(ProbeFindings found)
    {
        var map = found.Map!;
        return [.. Enumerable.Range(0, map.Delay.Count).Select(k => (map.Time(k), map.Delay[k]))];
    }
}
