using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>The windows of a lag search on the clocks of input and output, and what a path through them shows.</summary>
/// <param name="Start">Output time of the grid's first sample, seconds.</param>
/// <param name="Window">Samples of a window.</param>
/// <param name="Hop">Samples from one window to the next.</param>
/// <param name="Count">Windows.</param>
/// <param name="Kappa">Content-clock rate of the grid.</param>
internal sealed record LagWindows(double Start, int Window, int Hop, int Count, double Kappa)
{
    /// <summary>Index of lag zero in a row of scores.</summary>
    public const int CausalFirst = -LagSearch.FirstLag;

    /// <summary>Lags from zero on.</summary>
    public const int CausalCount = 360;

    /// <summary>Seconds on the output clock of the middle of a window.</summary>
    public double TimeOf(int window) => Start + (window * Hop + Window / 2.0) / CodeLaw.Rate / (1 - Kappa);

    /// <summary>Delay in seconds of a lag (frames) at a window.</summary>
    public double DelayOf(int window, double lag)
    {
        var scaled = (window * Hop + Window / 2.0) / CodeLaw.Rate;
        return lag / CodeLaw.Rate + scaled * Kappa / (1 - Kappa);
    }

    /// <summary>Whether the code at this lag had been sent for most of the window.</summary>
    public bool Covered(int window, int lag) => window * Hop - lag >= -0.3 * Window;

    /// <summary>Median delay of the best path, seconds; NaN when no window is covered.</summary>
    public double MedianDelay(float[] z)
    {
        var path = LagPath.Trace(z, Count, CausalFirst, CausalCount);
        var delays = new List<double>();
        for (var w = 0; w < Count; w++)
        {
            if (Covered(w, path[w]))
                delays.Add(DelayOf(w, path[w]));
        }
        delays.Sort();
        return delays.Count > 0 ? delays[delays.Count / 2] : double.NaN;
    }

    /// <summary>Median lag of the best path with its interval over windows half a length apart, seconds.</summary>
    public Estimate LagOf(float[] z)
    {
        var path = LagPath.Trace(z, Count, CausalFirst, CausalCount);
        // Windows that overlap by half all count: with chips of a tenth of a second their errors are nearly independent, and one outlier
        // weighs less.
        var apart = Math.Max(1, Window / Hop / 2);
        var lags = Enumerable.Range(0, Count).Where(w => w % apart == 0 && Covered(w, path[w])).Select(w => (double)path[w] / CodeLaw.Rate)
            .ToArray();
        var median = Intervals.QuantileInterval(lags, 0.5);
        return median.Measured ? median with { Low = median.Low - 1.0 / CodeLaw.Rate, High = median.High + 1.0 / CodeLaw.Rate } : median;
    }

    /// <summary>Scores of the covered windows along the best path.</summary>
    public float[] PathScores(float[] joint)
    {
        var path = LagPath.Trace(joint, Count, CausalFirst, CausalCount);
        var scores = new List<float>(Count);
        for (var w = 0; w < Count; w++)
        {
            if (Covered(w, path[w]))
                scores.Add(joint[w * LagSearch.Lags + CausalFirst + path[w]]);
        }
        return [.. scores];
    }

    /// <summary>Scores by window and every second lag, the greater of two neighbours.</summary>
    public float[] HeatMap(float[] joint)
    {
        var heat = new float[Count * CausalCount / 2];
        for (var w = 0; w < Count; w++)
        {
            for (var l = 0; l < CausalCount / 2; l++)
                heat[w * CausalCount / 2 + l] = Math.Max(joint[w * LagSearch.Lags + CausalFirst + 2 * l],
                    joint[w * LagSearch.Lags + CausalFirst + 2 * l + 1]);
        }
        return heat;
    }
}
