using System.Globalization;

namespace TrueLive.Watch;

/// <summary>Quantiles of a number over runs, only where there are enough runs for them.</summary>
internal static class OverRuns
{
    /// <summary>With fewer, a median is one of the values and no more.</summary>
    public const int FewestForP50 = 3;

    /// <summary>With fewer, the largest value would stand for the 95 % quantile.</summary>
    public const int FewestForP95 = 20;

    /// <summary>The quantile: the smallest value that at least this share does not exceed. Null where there are too few.</summary>
    public static double? Quantile(IReadOnlyCollection<double> values, double q)
    {
        var fewest = q > 0.5 ? FewestForP95 : FewestForP50;
        return values.Count < fewest ? null : values.Order().ElementAt((int)Math.Ceiling(q * values.Count) - 1);
    }

    /// <summary>The quantile with its unit, or why there is none.</summary>
    public static string Words(IReadOnlyCollection<double> values, double q, string unit) => Quantile(values, q) is { } value
        ? $"{Number(value)} {unit}"
        : string.Create(CultureInfo.InvariantCulture, $"n = {values.Count}, too few for p{100 * q:0}");

    /// <summary>A number as people read it.</summary>
    public static string Number(double value) =>
        value.ToString(Math.Abs(value) >= 100 ? "0" : Math.Abs(value) >= 10 ? "0.#" : "0.###", CultureInfo.InvariantCulture);

    /// <summary>The quantile over the newest runs up to each run, from the first on that has enough.</summary>
    public static IReadOnlyList<(double X, double Y)> Trail(IReadOnlyList<(double X, double Y)> points, double q, int window)
    {
        var trail = new List<(double, double)>();
        for (var k = 0; k < points.Count; k++)
        {
            var from = Math.Max(0, k + 1 - window);
            if (Quantile([.. points.Skip(from).Take(k + 1 - from).Select(p => p.Y)], q) is { } value)
                trail.Add((points[k].X, value));
        }
        return trail;
    }
}
