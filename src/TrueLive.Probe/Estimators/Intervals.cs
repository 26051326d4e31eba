namespace TrueLive.Probe.Estimators;

/// <summary>A number with its 95 % confidence interval and the number of events. Value is NaN when there were too few.</summary>
/// <param name="Value">Point estimate.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
/// <param name="N">Independent events.</param>
public readonly record struct Estimate(double Value, double Low, double High, int N)
{
    /// <summary>Not measured.</summary>
    public static Estimate None => new(double.NaN, double.NaN, double.NaN, 0);

    /// <summary>False when too few events were seen.</summary>
    public bool Measured => !double.IsNaN(Value);
}

/// <summary>Interval estimates that need no model of the distribution.</summary>
internal static class Intervals
{
    /// <summary>Quantile of sorted values, linear between neighbours.</summary>
    public static double Quantile(IReadOnlyList<double> sorted, double q)
    {
        if (sorted.Count == 0)
            return double.NaN;
        var at = q * (sorted.Count - 1);
        var low = (int)at;
        return low + 1 < sorted.Count ? sorted[low] + (at - low) * (sorted[low + 1] - sorted[low]) : sorted[low];
    }

    /// <summary>Order-statistic interval of a quantile over independent events; not measured when no upper bound exists at 95 %.</summary>
    public static Estimate QuantileInterval(IEnumerable<double> events, double q, double value = double.NaN)
    {
        var sorted = events.Order().ToArray();
        var n = sorted.Length;
        if (n < 5)
            return Estimate.None with { N = n };
        var (low, high) = (-1, n);
        double cumulative = 0;
        for (var k = 0; k < n; k++)
        {
            // P(at most k events lie below the quantile).
            cumulative += BinomialMass(n, k, q);
            if (cumulative <= 0.025)
                low = k;
            if (high == n && cumulative >= 0.975)
                high = k + 1;
        }
        if (high >= n)
        {
            // One-sided: the largest event bounds the quantile only if q^n <= 0.05.
            if (Math.Pow(q, n) > 0.05)
                return Estimate.None with { N = n };
            high = n - 1;
        }
        return new Estimate(double.IsNaN(value) ? Quantile(sorted, q) : value, sorted[Math.Max(0, low)], sorted[high], n);
    }

    /// <summary>Wilson interval of a share.</summary>
    public static Estimate Share(double share, double n)
    {
        if (n < 1)
            return Estimate.None;
        const double Z = 1.96;
        var centre = (share + Z * Z / (2 * n)) / (1 + Z * Z / n);
        var half = Z * Math.Sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n);
        return new Estimate(share, Math.Max(0, centre - half), Math.Min(1, centre + half), (int)n);
    }

    /// <summary>Slope by Theil and Sen with a moving-block bootstrap over neighbouring points.</summary>
    public static Estimate Slope(IReadOnlyList<(double X, double Y)> points, int block, Random random)
    {
        if (points.Count < 6)
            return Estimate.None with { N = points.Count };
        var thin = points.Count <= 200 ? points : [.. Enumerable.Range(0, 200).Select(k => points[k * points.Count / 200])];
        var value = TheilSen(thin);
        block = Math.Clamp(block * thin.Count / points.Count, 1, thin.Count / 3);
        // Residuals around the slope are resampled in blocks, which keeps the correlation of neighbours.
        var residuals = thin.Select(p => p.Y - value * p.X).ToArray();
        var slopes = new double[200];
        var draw = new (double X, double Y)[thin.Count];
        for (var b = 0; b < slopes.Length; b++)
        {
            for (var k = 0; k < thin.Count; k += block)
            {
                var from = random.Next(thin.Count - block + 1);
                for (var i = 0; i < block && k + i < thin.Count; i++)
                    draw[k + i] = (thin[k + i].X, value * thin[k + i].X + residuals[from + i]);
            }
            slopes[b] = TheilSen(draw.Length <= 60 ? draw : [.. Enumerable.Range(0, 60).Select(k => draw[k * draw.Length / 60])]);
        }
        Array.Sort(slopes);
        return new Estimate(value, slopes[5], slopes[194], points.Count);
    }

    /// <summary>Exact (Garwood) interval of a Poisson rate from a count over an exposure, by bisection on the Poisson sum.</summary>
    public static Estimate Rate(int count, double exposure)
    {
        if (exposure <= 0)
            return Estimate.None;
        var low = count == 0 ? 0 : Solve(m => 1 - PoissonSum(count - 1, m), 0.025, count);
        var high = Solve(m => 1 - PoissonSum(count, m), 0.975, count + 1);
        return new Estimate(count / exposure, low / exposure, high / exposure, count);
    }

    private static double Solve(Func<double, double> rising, double level, double scale)
    {
        var (low, high) = (0.0, 10 * scale + 20);
        for (var k = 0; k < 80; k++)
        {
            var mid = (low + high) / 2;
            if (rising(mid) < level)
                low = mid;
            else
                high = mid;
        }
        return (low + high) / 2;
    }

    private static double PoissonSum(int upTo, double mean)
    {
        double sum = 0, term = Math.Exp(-mean);
        for (var k = 0; k <= upTo; k++)
        {
            sum += term;
            term *= mean / (k + 1);
        }
        return sum;
    }

    private static double TheilSen(IReadOnlyList<(double X, double Y)> points)
    {
        var slopes = new List<double>(points.Count * (points.Count - 1) / 2);
        for (var a = 0; a < points.Count; a++)
        {
            for (var b = 0; b < a; b++)
            {
                if (Math.Abs(points[a].X - points[b].X) > 1e-9)
                    slopes.Add((points[a].Y - points[b].Y) / (points[a].X - points[b].X));
            }
        }
        slopes.Sort();
        return Quantile(slopes, 0.5);
    }

    private static double BinomialMass(int n, int k, double q) =>
        Math.Exp(LogFactorial(n) - LogFactorial(k) - LogFactorial(n - k) + k * Math.Log(q) + (n - k) * Math.Log(1 - q));

    private static double LogFactorial(int n)
    {
        if (n < 2)
            return 0;
        var x = n + 1.0;
        // Stirling's series; accurate to 1e-9 from 2 on.
        return (x - 0.5) * Math.Log(x) - x + 0.918938533204673 + 1 / (12 * x) - 1 / (360 * x * x * x) + 1 / (1260 * Math.Pow(x, 5));
    }
}
