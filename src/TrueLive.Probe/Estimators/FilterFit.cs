using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>Asks whether the output is a colour filter of the aligned input: a high R^2 refutes generation; a low one proves nothing.</summary>
internal static class FilterFit
{
    private const int Pixels = Observation.ThumbWidth * Observation.ThumbHeight;
    private const int Terms = 15;

    /// <summary>R^2 on the second half of aligned small pictures, from terms fitted with a still overlay on the first; NaN with fewer than 16 pairs.</summary>
    public static double Measure(StimulusPlan plan, Observation seen, FrameMap map)
    {
        var renderer = new StimulusRenderer(plan.Seed, Picture.AnalysisWidth, Picture.AnalysisHeight, plan.Amplitude);
        var picture = Picture.ForAnalysis();
        var pairs = new List<(byte[] In, byte[] Out)>();
        var usable = seen.Thumbs.Where(t => t.Frame >= map.FirstOutput && t.Frame < map.FirstOutput + map.Input.Count).ToArray();
        var stride = Math.Max(1, usable.Length / 80);
        for (var k = 0; k < usable.Length; k += stride)
        {
            var j = map.Input[usable[k].Frame - map.FirstOutput];
            renderer.Draw(plan.Frames[j], j, picture);
            pairs.Add((Observation.Thumb(picture), usable[k].Planes));
        }
        if (pairs.Count < 16)
            return double.NaN;
        var half = pairs.Count / 2;
        var gram = new double[Terms, Terms];
        var right = Enumerable.Range(0, 3).Select(_ => new double[Terms]).ToArray();
        var terms = new double[Terms];
        foreach (var (input, output) in pairs.Take(half))
        {
            for (var p = 0; p < Pixels; p++)
            {
                Fill(input, p, terms);
                for (var a = 0; a < Terms; a++)
                {
                    for (var b = 0; b <= a; b++)
                        gram[a, b] += terms[a] * terms[b];
                    for (var plane = 0; plane < 3; plane++)
                        right[plane][a] += terms[a] * output[plane * Pixels + p] / 255.0;
                }
            }
        }
        for (var a = 0; a < Terms; a++)
        {
            for (var b = 0; b < a; b++)
                gram[b, a] = gram[a, b];
            gram[a, a] += 1e-3 * half * Pixels / Terms * 1e-3;
        }
        SymmetricEigen.CholeskySolve(gram, right);
        var overlay = new double[3 * Pixels];
        double residual = 0, total = 0;
        var mean = new double[3];
        foreach (var (_, output) in pairs.Skip(half))
        {
            for (var k = 0; k < output.Length; k++)
                mean[k / Pixels] += output[k] / 255.0 / ((pairs.Count - half) * Pixels);
        }
        for (var n = 0; n < pairs.Count; n++)
        {
            var (input, output) = pairs[n];
            for (var p = 0; p < Pixels; p++)
            {
                Fill(input, p, terms);
                for (var plane = 0; plane < 3; plane++)
                {
                    var k = plane * Pixels + p;
                    var error = output[k] / 255.0;
                    for (var a = 0; a < Terms; a++)
                        error -= right[plane][a] * terms[a];
                    if (n < half)
                    {
                        overlay[k] += error / half;
                        continue;
                    }
                    residual += (error - overlay[k]) * (error - overlay[k]);
                    total += (output[k] / 255.0 - mean[plane]) * (output[k] / 255.0 - mean[plane]);
                }
            }
        }
        return total > 1e-9 ? 1 - residual / total : 0;
    }

    /// <summary>Cubic colour and a vignette.</summary>
    private static void Fill(byte[] input, int pixel, double[] terms)
    {
        var (y, u, v) = (input[pixel] / 255.0, input[Pixels + pixel] / 255.0 - 0.5, input[2 * Pixels + pixel] / 255.0 - 0.5);
        var x = pixel % Observation.ThumbWidth / (double)Observation.ThumbWidth - 0.5;
        var h = pixel / Observation.ThumbWidth / (double)Observation.ThumbHeight - 0.5;
        var r = x * x + h * h;
        ReadOnlySpan<double> values = [1, y, u, v, y * y, u * u, v * v, y * u, y * v, u * v, y * y * y, r, r * y, x, h];
        values.CopyTo(terms);
    }
}
