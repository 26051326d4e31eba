namespace TrueLive.Models.Diffusion;

/// <summary>
/// Normal random numbers that depend on nothing but the seed: SplitMix64 (Steele, Lea and Flood, 2014) and the Box-Muller transform.
/// </summary>
internal static class GaussianNoise
{
    public static void Fill(Span<float> values, ulong seed)
    {
        var state = seed;
        for (var i = 0; i < values.Length; i += 2)
        {
            var (radius, angle) = (Math.Sqrt(-2 * Math.Log(1 - Uniform(ref state))), 2 * Math.PI * Uniform(ref state));
            values[i] = (float)(radius * Math.Cos(angle));
            if (i + 1 < values.Length)
                values[i + 1] = (float)(radius * Math.Sin(angle));
        }
    }

    /// <summary>One number of 0 to 1 that depends on seed and index alone.</summary>
    public static double Uniform(ulong seed, ulong index)
    {
        var state = seed + index * 0x9E3779B97F4A7C15;
        return Uniform(ref state);
    }

    private static double Uniform(ref ulong state)
    {
        var z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1L << 53));
    }
}
