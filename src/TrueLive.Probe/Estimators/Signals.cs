namespace TrueLive.Probe.Estimators;

/// <summary>Conditioning of feature signals before any search.</summary>
internal static class Signals
{
    /// <summary>Subtracts the centred moving average of 2 * <paramref name="half"/> + 1 samples, in place.</summary>
    public static void HighPass(float[] signal, int half)
    {
        var sums = new double[signal.Length + 1];
        for (var k = 0; k < signal.Length; k++)
            sums[k + 1] = sums[k] + signal[k];
        for (var k = 0; k < signal.Length; k++)
        {
            var (a, b) = (Math.Max(0, k - half), Math.Min(signal.Length, k + half + 1));
            signal[k] -= (float)((sums[b] - sums[a]) / (b - a));
        }
    }

    /// <summary>
    /// Divides by the median absolute deviation and clips at 4, in place. A signal that hardly moves in its own unit becomes zero: the
    /// noise of a dead feature must not be amplified until it looks like a response.
    /// </summary>
    public static void ScaleByMad(float[] signal, float deadBelow)
    {
        var magnitude = new float[signal.Length];
        double square = 0;
        for (var k = 0; k < signal.Length; k++)
        {
            magnitude[k] = Math.Abs(signal[k]);
            square += (double)signal[k] * signal[k];
        }
        Array.Sort(magnitude);
        var mad = 1.4826f * magnitude[signal.Length / 2];
        // A mostly still signal with rare jumps has a tiny MAD; a quarter of the r.m.s. bounds the gain.
        var scale = Math.Max(mad, 0.25f * (float)Math.Sqrt(square / signal.Length));
        if (scale < deadBelow)
        {
            Array.Clear(signal);
            return;
        }
        for (var k = 0; k < signal.Length; k++)
            signal[k] = Math.Clamp(signal[k] / scale, -4, 4);
    }

    /// <summary>
    /// The <paramref name="keep"/> leading principal components of signals of equal length, each scaled to unit variance; dead ones are
    /// zero.
    /// </summary>
    public static float[][] PrincipalComponents(float[][] signals, int keep)
    {
        var (count, length) = (signals.Length, signals[0].Length);
        var covariance = new double[count, count];
        for (var a = 0; a < count; a++)
        {
            for (var b = 0; b <= a; b++)
                covariance[a, b] = covariance[b, a] = System.Numerics.Tensors.TensorPrimitives.Dot<float>(signals[a], signals[b]) / length;
        }
        var (values, vectors) = SymmetricEigen.Decompose(covariance);
        var components = new float[Math.Min(keep, count)][];
        for (var c = 0; c < components.Length; c++)
        {
            var component = components[c] = new float[length];
            if (values[c] < 1e-4 * Math.Max(values[0], 1e-9))
                continue;
            var scale = 1 / Math.Sqrt(values[c]);
            for (var a = 0; a < count; a++)
                System.Numerics.Tensors.TensorPrimitives.MultiplyAdd(signals[a], (float)(scale * vectors[a, c]), component, component);
        }
        return components;
    }
}
