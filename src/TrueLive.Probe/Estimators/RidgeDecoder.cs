using System.Numerics.Tensors;

namespace TrueLive.Probe.Estimators;

/// <summary>Linear read-out of targets from features by ridge regression, each quarter decoded by weights from the other three.</summary>
internal static class RidgeDecoder
{
    /// <summary>
    /// Decodes every target; feature-major input, target-major output scaled to unit variance with the correlation reached.
    /// </summary>
    public static (float[] Decoded, double Correlation)[] Decode(float[][] features, float[][] targets)
    {
        var alive = features.Where(signal => signal.Any(v => v != 0)).ToArray();
        var (count, length) = (alive.Length, features[0].Length);
        var decoded = targets.Select(_ => new float[length]).ToArray();
        if (count == 0 || length < 40)
            return [.. decoded.Select(d => (d, 0.0))];
        var edges = Enumerable.Range(0, 5).Select(k => k * length / 4).ToArray();
        var grams = Enumerable.Range(0, 4).Select(_ => new double[count, count]).ToArray();
        var products = Enumerable.Range(0, 4).Select(_ => targets.Select(_ => new double[count]).ToArray()).ToArray();
        for (var fold = 0; fold < 4; fold++)
        {
            var (from, run) = (edges[fold], edges[fold + 1] - edges[fold]);
            for (var a = 0; a < count; a++)
            {
                var left = alive[a].AsSpan(from, run);
                for (var b = 0; b <= a; b++)
                    grams[fold][a, b] = grams[fold][b, a] = TensorPrimitives.Dot<float>(left, alive[b].AsSpan(from, run));
                for (var t = 0; t < targets.Length; t++)
                    products[fold][t][a] = TensorPrimitives.Dot<float>(left, targets[t].AsSpan(from, run));
            }
        }
        for (var fold = 0; fold < 4; fold++)
        {
            var gram = new double[count, count];
            var right = targets.Select(_ => new double[count]).ToArray();
            for (var other = 0; other < 4; other++)
            {
                if (other == fold)
                    continue;
                for (var a = 0; a < count; a++)
                {
                    for (var b = 0; b < count; b++)
                        gram[a, b] += grams[other][a, b];
                    for (var t = 0; t < targets.Length; t++)
                        right[t][a] += products[other][t][a];
                }
            }
            for (var a = 0; a < count; a++)
                gram[a, a] += 5 + 0.01 * length;
            SymmetricEigen.CholeskySolve(gram, right);
            var (from, run) = (edges[fold], edges[fold + 1] - edges[fold]);
            for (var t = 0; t < targets.Length; t++)
            {
                var part = decoded[t].AsSpan(from, run);
                for (var a = 0; a < count; a++)
                    TensorPrimitives.MultiplyAdd(alive[a].AsSpan(from, run), (float)right[t][a], part, part);
            }
        }
        return [.. decoded.Select((d, t) => (Scaled(d), Correlation(d, targets[t])))];
    }

    private static float[] Scaled(float[] signal)
    {
        var deviation = TensorPrimitives.Norm<float>(signal) / MathF.Sqrt(signal.Length);
        if (deviation > 1e-6f)
            TensorPrimitives.Divide(signal, deviation, signal);
        return signal;
    }

    private static double Correlation(float[] a, float[] b)
    {
        var (n, ma, mb) = (a.Length, a.Average(), b.Average());
        double ab = 0, aa = 0, bb = 0;
        for (var k = 0; k < n; k++)
        {
            ab += (a[k] - ma) * (b[k] - mb);
            aa += (a[k] - ma) * (a[k] - ma);
            bb += (b[k] - mb) * (b[k] - mb);
        }
        return aa > 1e-9 && bb > 1e-9 ? ab / Math.Sqrt(aa * bb) : 0;
    }
}
