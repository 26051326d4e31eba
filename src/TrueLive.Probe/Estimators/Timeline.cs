using TrueLive.Probe.Features;

namespace TrueLive.Probe.Estimators;

/// <summary>Output times made even, and features put on an even grid.</summary>
internal static class Timeline
{
    /// <summary>
    /// Spreads bursts: each frame gets the mean time of its neighbours within about 0.6 s on either side, counted in frames,
    /// so that a burst of twelve frames becomes twelve instants instead of one.
    /// </summary>
    public static double[] DeBurst(IReadOnlyList<double> times)
    {
        var count = times.Count;
        var even = new double[count];
        if (count < 3 || times[^1] <= times[0])
        {
            for (var i = 0; i < count; i++)
                even[i] = times[i];
            return even;
        }
        var reach = Math.Max(1, (int)Math.Round(0.6 * (count - 1) / (times[^1] - times[0])));
        var sums = new double[count + 1];
        for (var i = 0; i < count; i++)
            sums[i + 1] = sums[i] + times[i];
        for (var i = 0; i < count; i++)
        {
            var near = Math.Min(reach, Math.Min(i, count - 1 - i));
            even[i] = (sums[i + near + 1] - sums[i - near]) / (2 * near + 1);
        }
        return even;
    }

    /// <summary>Features by linear interpolation at <paramref name="from"/> + g / <paramref name="rate"/>, feature-major.</summary>
    public static float[][] Resample(Observation seen, double[] even, double from, int count, double rate)
    {
        var grid = new float[FeatureExtractor.Count][];
        for (var f = 0; f < grid.Length; f++)
            grid[f] = new float[count];
        if (seen.Count == 0)
            return grid;
        var i = 0;
        for (var g = 0; g < count; g++)
        {
            var t = from + g / rate;
            while (i + 1 < even.Length && even[i + 1] <= t)
                i++;
            var next = Math.Min(i + 1, even.Length - 1);
            var span = even[next] - even[i];
            var w = span > 1e-9 ? (float)Math.Clamp((t - even[i]) / span, 0, 1) : 0;
            var a = seen.Features(i);
            var b = seen.Features(next);
            for (var f = 0; f < grid.Length; f++)
                grid[f][g] = a[f] + w * (b[f] - a[f]);
        }
        return grid;
    }

    /// <summary>For each grid instant the input frame that was the newest then; -1 before the first.</summary>
    public static int[] NewestSent(IReadOnlyList<double> sent, double from, int count, double rate)
    {
        var frames = new int[count];
        var j = LowerBound(sent, from) - 1;
        for (var g = 0; g < count; g++)
        {
            var t = from + g / rate + 1e-6;
            while (j + 1 < sent.Count && sent[j + 1] <= t)
                j++;
            frames[g] = j;
        }
        return frames;
    }

    /// <summary>Index of the first time at or after <paramref name="t"/>.</summary>
    public static int LowerBound(IReadOnlyList<double> times, double t)
    {
        var (low, high) = (0, times.Count);
        while (low < high)
        {
            var mid = (low + high) / 2;
            if (times[mid] < t)
                low = mid + 1;
            else
                high = mid;
        }
        return low;
    }
}
