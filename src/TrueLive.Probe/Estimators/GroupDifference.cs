namespace TrueLive.Probe.Estimators;

/// <summary>Whether two groups of pictures differ, by permutation of their labels.</summary>
internal static class GroupDifference
{
    /// <summary>Permutations of each test.</summary>
    public const int Redraws = 999;

    /// <summary>Tests the distance between the mean features of the two groups against random permutations of the labels.</summary>
    public static NullTest Test(IReadOnlyList<float[]> looks, int[] labels, Random random)
    {
        if (labels.Distinct().Count() < 2 || labels.Length < 4)
            return NullTest.None;
        var scale = Enumerable.Range(0, looks[0].Length).Select(f => Spread([.. looks.Select(l => l[f])])).ToArray();
        var statistic = Distance(labels);
        var shuffled = (int[])labels.Clone();
        var redraws = new double[Redraws];
        for (var k = 0; k < redraws.Length; k++)
        {
            random.Shuffle(shuffled);
            redraws[k] = Distance(shuffled);
        }
        return NullTest.Of(statistic, redraws);

        double Distance(int[] by)
        {
            var sum = 0.0;
            var (a, b) = (by.Count(l => l > 0), by.Count(l => l <= 0));
            for (var f = 0; f < scale.Length; f++)
            {
                var (up, down) = (0.0, 0.0);
                for (var k = 0; k < by.Length; k++)
                {
                    if (by[k] > 0)
                        up += looks[k][f];
                    else
                        down += looks[k][f];
                }
                var d = (up / a - down / b) / scale[f];
                sum += d * d;
            }
            return sum;
        }
    }

    private static double Spread(float[] values)
    {
        var mean = values.Average();
        return Math.Max(0.05, Math.Sqrt(values.Average(v => (v - mean) * (v - mean))));
    }
}
