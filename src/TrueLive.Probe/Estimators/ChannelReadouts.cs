using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>
/// The features that may answer each channel: spatial contrasts of all maps, so that a look that turns luminance into colour
/// or texture still answers. High-passed, scaled, clipped; a dead feature is zero.
/// </summary>
internal static class ChannelReadouts
{
    /// <summary>
    /// Read-outs by channel from raw features on an even grid, high-passed over <paramref name="half"/> samples on either side (a second at
    /// 30 per second).
    /// </summary>
    public static float[][][] From(float[][] grid, int half = 30)
    {
        var length = grid[0].Length;
        var mean = new float[5][];
        var balance = new float[5][];
        for (var map = 0; map < 5; map++)
        {
            mean[map] = new float[length];
            balance[map] = new float[length];
            for (var block = 0; block < 12; block++)
            {
                var sign = block % 4 >= 2 ? 1f : -1f;
                var source = grid[FeatureExtractor.Blocks + map * 12 + block];
                for (var g = 0; g < length; g++)
                {
                    mean[map][g] += source[g] / 12;
                    balance[map][g] += sign * source[g] / 6;
                }
            }
        }
        var blocks = grid[..60].Select(signal => (float[])signal.Clone()).ToArray();
        foreach (var signal in blocks)
            Condition(signal, 4 * half, 0.05f);
        var scene = Signals.PrincipalComponents(blocks, 6);
        foreach (var signal in scene)
        {
            for (var g = 0; g < signal.Length; g++)
                signal[g] = Math.Clamp(signal[g], -4, 4);
        }
        var subject = Copy(grid, FeatureExtractor.Subject, 5);
        var pattern = Copy(grid, FeatureExtractor.Pattern, 3);
        var motion = Copy(grid, FeatureExtractor.Motion, 2);
        foreach (var set in new[] { mean, balance, subject, pattern })
        {
            foreach (var signal in set)
                Condition(signal, half, 0.02f);
        }
        foreach (var signal in motion)
            Condition(signal, half, 0.005f);
        return [mean, balance, mean, motion, subject, scene, pattern];
    }

    /// <summary>All features as one vector, conditioned alike, for decoders.</summary>
    public static float[][] Conditioned(float[][] grid, int half)
    {
        var all = grid.Select(signal => (float[])signal.Clone()).ToArray();
        for (var f = 0; f < all.Length; f++)
            Condition(all[f], half, f >= FeatureExtractor.Motion ? 0.005f : 0.02f);
        return all;
    }

    /// <summary>The read-outs that a change of mean light cannot move: left against right, the object's box, the pattern's box.</summary>
    public static float[][] Spatial(float[][] grid, int half)
    {
        var spatial = new List<float[]>();
        for (var map = 0; map < 5; map++)
        {
            var signal = new float[grid[0].Length];
            for (var block = 0; block < 12; block++)
            {
                var source = grid[FeatureExtractor.Blocks + map * 12 + block];
                for (var g = 0; g < signal.Length; g++)
                    signal[g] += (block % 4 >= 2 ? 1f : -1f) * source[g] / 6;
            }
            spatial.Add(signal);
        }
        spatial.AddRange(Copy(grid, FeatureExtractor.Subject, 5));
        foreach (var signal in spatial)
            Condition(signal, half, 0.02f);
        return [.. spatial];
    }

    private static float[][] Copy(float[][] grid, int first, int count) =>
        [.. grid.AsSpan(first, count).ToArray().Select(signal => (float[])signal.Clone())];

    private static void Condition(float[] signal, int half, float deadBelow)
    {
        Signals.HighPass(signal, half);
        Signals.ScaleByMad(signal, deadBelow);
    }
}
