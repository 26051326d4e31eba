using System.Globalization;
using System.Text;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Reports;

/// <summary>One line per output frame and one per event, for people with their own tools.</summary>
internal static class CsvFiles
{
    public static string Frames(Observation seen, FrameMap? map)
    {
        var text = new StringBuilder("frame,t_s,input_frame,input_sent_s,delay_ms,change,midpoint\n");
        for (var i = 0; i < seen.Count; i++)
        {
            var k = map is null ? -1 : i - map.FirstOutput;
            var mapped = map is not null && k >= 0 && k < map.Input.Count;
            text.Append(CultureInfo.InvariantCulture, $"{i},{seen.Times[i]:0.000000},");
            if (mapped)
                text.Append(CultureInfo.InvariantCulture,
                    $"{map!.Input[k]},{seen.Sent[map.Input[k]]:0.000000},{1000 * map.Delay[k]:0.000},");
            else
                text.Append(",,,");
            text.Append(Number(seen.Change[i])).Append(',').Append(Number(seen.Midpoint[i])).Append('\n');
        }
        return text.ToString();
    }

    public static string Events(ProbeFindings found)
    {
        var text = new StringBuilder("phase,sent_s,state,delay_ms,first_frame\n");
        foreach (var (kind, events) in new[] { (PhaseKind.Slow, found.Slow), (PhaseKind.Control, found.Control),
            (PhaseKind.Blackout, found.Blackout) })
        {
            foreach (var e in events?.Events ?? [])
            {
                text.Append(CultureInfo.InvariantCulture, $"{kind},{e.Sent:0.000000},{e.State},")
                    .Append(double.IsNaN(e.Delay) ? "" : (1000 * e.Delay).ToString("0.000", CultureInfo.InvariantCulture))
                    .Append(CultureInfo.InvariantCulture, $",{(e.FirstFrame < 0 ? "" : e.FirstFrame)}\n");
            }
        }
        return text.ToString();
    }

    private static string Number(float value) => float.IsNaN(value) ? "" : value.ToString("0.#####", CultureInfo.InvariantCulture);
}
