namespace TrueLive.Bench;

/// <summary>The statistics of the reports.</summary>
internal static class Statistics
{
    // 95 %, two-sided, for large samples.
    private const double Z = 1.96;

    /// <summary>Nearest-rank quantile; NaN when there are no values.</summary>
    public static double Quantile(IEnumerable<double> values, double quantile)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? double.NaN : sorted[Math.Max(0, (int)Math.Ceiling(quantile * sorted.Length) - 1)];
    }

    /// <summary>
    /// Slope of a straight line through the points, and half the width of its 95 % confidence interval. Neighbours are correlated, so the
    /// error is estimated from the residuals of blocks (batch means), not of single points.
    /// </summary>
    public static (double Slope, double HalfWidth) Slope(IReadOnlyList<(double X, double Y)> points, double block)
    {
        (double X, double Y)[] means = [.. points.GroupBy(p => Math.Floor(p.X / block))
            .Select(g => (g.Average(p => p.X), g.Average(p => p.Y)))];
        if (means.Length < 4)
            return (double.NaN, double.NaN);
        var (mx, my) = (means.Average(p => p.X), means.Average(p => p.Y));
        var sxx = means.Sum(p => (p.X - mx) * (p.X - mx));
        var slope = means.Sum(p => (p.X - mx) * (p.Y - my)) / sxx;
        var residual = means.Sum(p => Math.Pow(p.Y - my - slope * (p.X - mx), 2));
        return (slope, Z * Math.Sqrt(residual / (means.Length - 2) / sxx));
    }
}
